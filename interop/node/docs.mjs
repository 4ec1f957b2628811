// A developer with Chromium in front of both documentation pages of `handstamp dev`: reads, presses Authorize, signs in at a pretend
// provider in the window that opens, closes the lock, and tries the doors.
//
//   node docs.mjs '{"docs":"…/docs","apiDocs":"…/docs","secret":"…","shots":"DIR","resolve":"…","caFile":"…"}'
//
// Prints what look.mjs saw, and {"did":…,"saw":…} for each thing that happened; then {"done":true}. The Go test judges them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, say, trusting } from './chromium.mjs';
import { looker } from './look.mjs';

const settings = JSON.parse(process.argv[2]);
mkdirSync(settings.shots, { recursive: true });
const look = looker(settings.shots);
const browser = await launch({ resolve: settings.resolve, trust: trusting(settings.caFile) });

const complaints = [];
const requests = new Set();
async function visitor() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
  context.on('request', (request) => requests.add(new URL(request.url()).origin));
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.location().url}: ${message.text()}`); });
  page.on('pageerror', (err) => complaints.push(`${page.url()}: ${err}`));
  return page;
}
const did = (what, saw) => say({ did: what, saw: String(saw) });
const shot = (page, name) => page.screenshot({ path: join(settings.shots, `${name}.png`), fullPage: true });
const textOf = async (page, selector) => (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ');

// The dialog has a part for each way to authorize; this one is found by its heading.
const part = (page, heading) => page.locator('.auth-container', { hasText: heading });

// authorize presses the button, ticks scopes, and signs in as somebody in the window that opens.
async function authorize(page, name, scopes, provider, who) {
  await page.locator('.btn.authorize').first().click();
  const signIn = part(page, 'authorizationCode');
  for (const scope of scopes) {
    const box = signIn.locator('.scopes .checkbox', { hasText: scope }).first();
    if (!await box.locator('input').isChecked()) await box.locator('label').click();
  }
  await shot(page, `${name}-dialog`);
  const opened = page.context().waitForEvent('page');
  await signIn.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
  const popup = await opened;
  popup.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.location().url}: ${message.text()}`); });
  await popup.locator(`#provider-${provider}`).click();
  const closed = popup.waitForEvent('close', { timeout: 10_000 }).then(() => 'closed', () => `stays at ${popup.url()}`);
  await popup.locator(`#user-${who}`).click();
  did(`${name}: window`, await closed);
  return signIn;
}

// call opens an operation, tries it out and returns what the page shows of the answer.
async function call(page, id) {
  const op = page.locator(`[id$="-${id}"].opblock`);
  if (!(await op.getAttribute('class')).includes('is-open')) await op.locator('.opblock-summary-control').click();
  const tryIt = op.locator('.try-out__btn');
  if ((await tryIt.innerText()).includes('Try')) await tryIt.click();
  await op.locator('.execute').click();
  const live = op.locator('.live-responses-table .response');
  await live.first().waitFor();
  return (await live.first().innerText()).replace(/\s+/g, ' ');
}

// 1. The sample API's page.
const api = await visitor();
await api.goto(settings.apiDocs);
await api.locator('.opblock').first().waitFor();
did('api: operations', await api.locator('.opblock').count());
did('api: read without a token', await call(api, 'listItems'));
await look(api, 'api-1-docs');
did('api: the lock before', await api.locator('.btn.authorize').first().getAttribute('class'));
const there = await authorize(api, 'api', ['items:read'], 'okta', 'alice');
await there.locator('.auth-btn-wrapper button', { hasText: 'Logout' }).waitFor();
did('api: dialog', await textOf(api, '.auth-container'));
await shot(api, 'api-2-authorized');
await api.locator('.btn-done').first().click();
did('api: the lock', await api.locator('.btn.authorize').first().getAttribute('class'));
did('api: read', await call(api, 'listItems'));
did('api: wrote', await call(api, 'addItem'));
await shot(api, 'api-3-tried');
await api.locator('.btn.authorize').first().click();
await part(api, 'authorizationCode').locator('.auth-btn-wrapper button', { hasText: 'Logout' }).click();
did('api: kept', await api.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })));

// A machine, in the same dialog.
const machine = part(api, 'clientCredentials');
await machine.locator('[id^="client_id"]').fill('nightly');
await machine.locator('[id^="client_secret"]').fill(settings.secret);
await machine.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
await machine.locator('.auth-btn-wrapper button', { hasText: 'Logout' }).waitFor();
await api.locator('.btn-done').first().click();
did('api: read as a machine', await call(api, 'listItems'));
await api.context().close();

// 2. The broker's own page.
const own = await visitor();
await own.goto(settings.docs);
await own.locator('.opblock').first().waitFor();
did('broker: operations', await own.locator('.opblock').count());
await look(own, 'broker-1-docs');
const here = await authorize(own, 'broker', ['email'], 'google', 'alice');
await here.locator('.auth-btn-wrapper button', { hasText: 'Logout' }).waitFor();
await own.locator('.btn-done').first().click();
did('broker: userinfo', await call(own, 'userinfo'));
did('broker: discovery', await call(own, 'discovery'));
const op = own.locator('[id$="-authorize"].opblock');
await op.locator('.opblock-summary-control').first().click();
did('broker: a page for people', await op.locator('.try-out__btn').count() ? 'can be tried' : 'cannot be tried');
await shot(own, 'broker-2-tried');
// What the page's scripts may not do, whoever writes them: read or press the person's own pages.
did('broker: a script asks for the account page', await own.evaluate(() => fetch('account').then((r) => `got ${r.status}`, () => 'refused by the policy')));
complaints.splice(0, complaints.length, ...complaints.filter((c) => !c.includes('/account')));
await own.locator('.btn.authorize').first().click();
const job = part(own, 'clientCredentials');
await job.locator('[id^="client_id"]').fill('nightly');
await job.locator('[id^="client_secret"]').fill('not the secret');
await job.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
await job.locator('.errors').first().waitFor();
did('broker: a wrong secret', await textOf(own, '.auth-container .errors'));
await job.locator('[id^="client_secret"]').fill(settings.secret);
await job.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
await job.locator('.auth-btn-wrapper button', { hasText: 'Logout' }).waitFor();
did('broker: authorized as a machine', 'yes');
await shot(own, 'broker-3-dialog');

await browser.close();
say({ done: true, complaints, requests: [...requests] });
