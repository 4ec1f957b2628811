// An owner with Chromium in front of the console of `handstamp dev`: people sign in and one gives up, then every page that links lead
// to is looked at by axe-core at a phone's and a desktop's width, in light and dark, its Tab order walked, and photographed.
//
//   node console.mjs '{"app":"…","console":"…/enter?token=…","shots":"DIR","docs":"DIR"}'
//
// Prints a line for each view as look.mjs does, {"did":…,"saw":…} for what happened, and {"done":true}. docs gets the few pictures that
// docs/console.md shows.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, say } from './chromium.mjs';
import { looker } from './look.mjs';

const settings = JSON.parse(process.argv[2]);
const look = looker(settings.shots);
mkdirSync(settings.docs, { recursive: true });
const browser = await launch();
const complaints = [];
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (m) => { if (m.type() === 'error' && !/status of 4(04|22)/.test(m.text())) complaints.push(`${m.location().url}: ${m.text()}`); });
  page.on('pageerror', (err) => complaints.push(`${page.url()}: ${err}`));
  return page;
}

// 1. Something happens: people come in by two providers, and one changes their mind.
for (const [provider, person] of [['okta', 'alice'], ['okta', 'erin'], ['google', 'dave'], ['auth0', 'alice'], ['google', 'bob']]) {
  const page = await visitor();
  await page.goto(`${settings.app}/`);
  await page.click('#sign-in');
  await page.click(`#provider-${provider}`);
  await page.click(`#user-${person}`);
  await page.waitForLoadState();
  await page.context().close();
}

// 2. The owner comes in by the link; a second look at the link finds it spent.
const me = await visitor();
await me.goto(settings.console);
await look(me, 'enter');
await me.click('#enter');
await me.waitForURL(`${new URL(settings.console).origin}/`);
say({ did: 'entered by link', saw: await me.locator('.banner').innerText() });
const console_ = new URL(me.url()).origin;

// 3. Every page that links lead to, one of each sort.
const sort = (path) => new URL(path, console_).pathname.split('/').map((part, i, all) => {
  const parent = all[i - 1] ?? '';
  if (/[A-Z0-9_~.-]{2,}/.test(part) && !/^[a-z-]+$/.test(part)) return ':id';
  return ['users', 'logins', 'clients', 'providers', 'resources', 'rules', 'provider', 'client', 'okta', 'google', 'auth0'].includes(parent) ? ':id' : part;
}).join('/').replace(/\/$/, '') || '/';
const waiting = ['/', '/logins?outcome=refused', '/nothing/here'];
const seen = new Set();
while (waiting.length > 0) {
  const path = waiting.shift();
  const name = sort(path) === '/' ? 'overview' : sort(path).slice(1).replaceAll('/', '-').replaceAll(':', '');
  if (seen.has(name) || /export|sign-in|sign-out|enter|assets/.test(path)) continue;
  seen.add(name);
  await me.goto(console_ + path);
  await look(me, name);
  for (const href of await me.locator('a[href^="/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href')))) waiting.push(href);
}
say({ did: 'looked at every page', saw: [...seen].sort().join(' ') });

// 4. By reference, from the overview to the reason.
const [refused] = await me.goto(`${console_}/logins?q=`).then(() => me.locator('a[href^="/logins/"] code').allInnerTexts());
await me.goto(`${console_}/`);
await me.fill('#find', refused);
await me.press('#find', 'Enter');
await me.waitForURL(`${console_}/logins/${refused}`);
say({ did: 'found by reference', saw: at(me.url()) });
await me.fill('#add_groups', 'Admins');
await me.locator('#what-if button').click();
await me.waitForLoadState();
say({ did: 'asked what if', saw: await me.locator('#what-if').innerText() });

// 5. What goes wrong says so: the summary has the focus, and leads to the field.
await me.goto(`${console_}/revisions/1/rollback`);
if (await me.locator('#f-_reason').count()) {
  await me.locator('#f-_reason').evaluate((e) => e.removeAttribute('required'));
  await me.locator('main form button.danger').click();
  await me.waitForSelector('#problems');
  say({ did: 'forgot the reason', saw: await me.evaluate(() => document.activeElement.id) });
  await look(me, 'form-with-problems');
}

// 6. Without scripts.
const plain = await visitor({ javaScriptEnabled: false, storageState: await me.context().storageState() });
await plain.goto(`${console_}/users`);
await plain.locator('tbody a').first().click();
say({ did: 'works without scripts', saw: await plain.locator('h1').innerText() });

// 7. The pictures of the page about the console: small ones.
await me.setViewportSize({ width: 1100, height: 720 });
for (const [name, path] of [['overview', '/'], ['login', `/logins/${refused}`], ['providers', '/providers'], ['revisions', '/revisions']]) {
  await me.goto(console_ + path);
  await me.screenshot({ path: join(settings.docs, `${name}.png`) });
}
await me.setViewportSize({ width: 390, height: 760 });
await me.emulateMedia({ colorScheme: 'dark' });
await me.goto(`${console_}/`);
await me.screenshot({ path: join(settings.docs, 'phone.png') });
await me.emulateMedia({ colorScheme: 'light' });

// 8. Out again.
await me.setViewportSize({ width: 1280, height: 800 });
await me.goto(`${console_}/`);
await me.locator('.me summary').click();
await me.locator('.me .sheet button').click();
await me.waitForLoadState();
say({ did: 'signed out', saw: await me.locator('h1').innerText() });
await browser.close();
say({ done: true, complaints });

function at(url) { return new URL(url).pathname.replace(/[A-Z2-7]{8,}/, ':reference'); }
