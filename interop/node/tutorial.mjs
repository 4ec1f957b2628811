// The reader of docs/tutorial-admin.md with Chromium in front of the console. Between the commands of the page it is told the name of
// a step, does what the text says, takes the picture, and says what it found.
//
//   node tutorial.mjs '{"shots":"DIR"}'      then, on standard input, one line a step: {"step":"wizard","vars":{…}}
//
// Prints one line a step: {"step":…,"vars":{…},"files":{…},"loads":N,"violations":[…]}, or {"step":…,"error":…}.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { launch, say } from './chromium.mjs';

const { shots } = JSON.parse(process.argv[2]);
mkdirSync(shots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const console_ = 'http://127.0.0.1:5641';
const browser = await launch();
const complaints = [];
async function person() {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (err) => complaints.push(`${page.url()}: ${err}`));
  return page;
}
const me = await person();
const bob = await person();

async function picture(page, name) {
  if (page === bob) { // the copied app answers in plain text
    await page.screenshot({ path: join(shots, `${name}.png`), clip: { x: 0, y: 0, width: 1100, height: 120 } });
    return [];
  }
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  await page.screenshot({ path: join(shots, `${name}.png`) });
  return violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

const submit = (page) => page.locator('main form button.primary').last().click();
// apply sends a form, looks at what it would do, and does it.
async function apply(page, reason) {
  await submit(page);
  await page.waitForSelector('#apply');
  if (reason) await page.fill('#f-_reason', reason);
  await page.click('#apply');
}

const steps = {
  async enter(vars) {
    await me.goto(vars.LINK);
    await me.click('#enter');
    await me.waitForURL(`${console_}/`);
    return { page: me };
  },
  async wizard() {
    await me.click('nav a[href="/providers"]');
    await me.click('main a[href="/new/provider"]');
    await me.click('#kind-google');
    await me.fill('#f-client_id', 'tutorial');
    await me.fill('#f-client_secret', 'only-for-this-page');
    await me.click('details.group summary');
    await me.fill('#f-issuer', 'http://127.0.0.1:5642');
    return { page: me };
  },
  async tested() {
    await apply(me, 'our people are at Google');
    await me.click('#test');
    await me.click('#go');
    await me.click('#user-alice');
    await me.waitForURL(/\/tested\?/);
    return { page: me };
  },
  async owner() {
    await me.click('#make-owner');
    await me.waitForURL(`${console_}/administrators`);
    await me.goto(`${console_}/providers/google/edit`);
    await me.uncheck('#f-disabled');
    await apply(me, 'Google is open');
    await me.waitForURL(`${console_}/providers/google`);
    await me.click('.me summary');
    await me.click('.me button');
    await me.goto(`${console_}/`);
    const chooser = me.locator('#provider-google');
    if (await chooser.count()) await chooser.click();
    if (await me.locator('#user-alice').count()) await me.click('#user-alice');
    await me.waitForURL(`${console_}/`);
    return { page: me, vars: { WHO: await me.locator('.me-name').innerText() } };
  },
  async app() {
    await me.click('nav a[href="/clients"]');
    await me.click('main a[href="/new/client"]');
    await me.click('#sort-web');
    await me.fill('#f-id', 'shop');
    await me.fill('#f-name', 'The shop');
    await me.fill('#f-redirect_uris', 'http://localhost:5643/callback');
    await apply(me);
    const secret = await me.locator('#secret').innerText();
    await me.click('#kept');
    await me.waitForURL(`${console_}/clients/shop`);
    const text = await me.locator('#text-node').textContent();
    await me.locator('#copy').scrollIntoViewIfNeeded();
    return { page: me, vars: { SHOP_SECRET: secret }, files: { 'app.mjs': text } };
  },
  async resource() {
    await me.click('nav a[href="/resources"]');
    await me.click('main a[href="/new/resource"]');
    await me.fill('#f-id', 'https://api.example.com');
    await me.fill('#f-name', 'The items');
    await me.fill('#f-scopes', 'items:read = Read the items\nitems:write = Change the items');
    await apply(me);
    return { page: me };
  },
  async refused() {
    await bob.goto('http://localhost:5643/');
    await bob.click('#sign-in');
    await bob.click('#user-bob');
    await bob.waitForURL(/localhost:5643\/callback/);
    const said = await bob.locator('body').innerText();
    return { page: bob, vars: { SAID: said, REFERENCE: /\(reference ([A-Z0-9]+)\)/.exec(said)?.[1] ?? '' } };
  },
  async reason(vars) {
    await me.goto(`${console_}/`);
    let loads = 0;
    me.on('framenavigated', (frame) => { if (frame === me.mainFrame()) loads += 1; });
    await me.fill('#find', vars.REFERENCE);
    await me.press('#find', 'Enter');
    await me.waitForURL(new RegExp(`/logins/${vars.REFERENCE}`));
    return { page: me, vars: { STORY: await me.locator('main').innerText() }, loads };
  },
  async fix() {
    await me.click('nav a[href="/rules"]');
    await me.click('main a:has-text("strangers stay outside")');
    await me.click('main a:has-text("Change")');
    await me.fill('#f-when', "!has(claims.hd) && claims.email != 'bob@gmail.example'");
    await submit(me);
    await me.waitForSelector('#apply');
    return { page: me, vars: { PLAN: await me.locator('main').innerText() } };
  },
  async bob() {
    await me.fill('#f-_reason', 'Bob is a guest of the shop');
    await me.click('#apply');
    await me.waitForSelector('h1:has-text("strangers stay outside")');
    await bob.goto('http://localhost:5643/login');
    if (await bob.locator('#user-bob').count()) await bob.click('#user-bob');
    await bob.waitForURL(/localhost:5643\/callback/);
    return { page: bob, vars: { SAID: await bob.locator('body').innerText() } };
  },
  async back() {
    await bob.context().clearCookies();
    await bob.goto('http://localhost:5643/login');
    await bob.click('#user-bob');
    await bob.waitForURL(/localhost:5643\/callback/);
    const said = await bob.locator('body').innerText();
    await me.click('nav a[href="/revisions"]');
    return { page: me, vars: { SAID: said, REVISIONS: await me.locator('main').innerText() } };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { step, vars } = JSON.parse(line);
  try {
    const { page, ...found } = await steps[step](vars);
    say({ step, ...found, violations: await picture(page, step), complaints: complaints.splice(0) });
  } catch (err) {
    const page = ['refused', 'bob'].includes(step) ? bob : me;
    await page.screenshot({ path: join(shots, `${step}-failed.png`) }).catch(() => {});
    say({ step, error: String(err), at: page.url(), text: await page.locator('body').innerText().catch(() => '') });
  }
}
await browser.close();
