// Both single-page apps of `handstamp dev` in Chromium: the one with a backend (bff) and the one that is its own client (spa). The same
// page, the same person, the same steps; and then what each app promises: where its tokens are, and what others cannot do.
//
//   node browser-apps.mjs '{"bff":"…","spa":"…","api":"…","issuer":"…","evil":"http://…","shots":"DIR","resolve":"…","caFile":"…"}'
//
// Prints what look.mjs saw, and {"did":…,"saw":…} for each thing that happened; then {"done":true}. The Go test judges them.
import { createServer } from 'node:http';
import { launch, say, trusting } from './chromium.mjs';
import { looker } from './look.mjs';

const settings = JSON.parse(process.argv[2]);
const look = looker(settings.shots);
const browser = await launch({ resolve: settings.resolve, trust: trusting(settings.caFile) });

const complaints = [];
async function person() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  return tab(context);
}
async function tab(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.location().url}: ${message.text()}`); });
  page.on('pageerror', (err) => complaints.push(`${page.url()}: ${err}`));
  return page;
}

const textOf = async (page, selector) => (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ');
const shows = (page, selector, words) => page.locator(selector, { hasText: words }).first().waitFor();

async function signIn(page, app, who) {
  await page.goto(`${app}/`);
  await page.click('#sign-in');
  await page.click('#provider-okta');
  await page.click(`#user-${who}`);
  await page.waitForURL(`${app}/`);
  await page.locator('#items li').first().waitFor();
}

// kept is all that this browser keeps for the page's origin where a script could read it.
const kept = (page) => page.evaluate(async () => JSON.stringify({
  local: { ...localStorage }, tab: { ...sessionStorage }, databases: await indexedDB.databases(), cookies: document.cookie, caches: await caches.keys(), name: window.name,
}));

// overhear notes what the page's own scripts send and get: the calls that are no navigation.
function overhear(page) {
  const calls = [];
  page.on('requestfinished', (request) => {
    if (!['fetch', 'xhr'].includes(request.resourceType())) return;
    calls.push((async () => {
      const headers = await request.allHeaders();
      const res = await request.response();
      return { to: request.url(), authorization: headers.authorization ?? '', sent: request.postData() ?? '', got: res.status() === 204 ? '' : await res.text().catch(() => '') };
    })());
  });
  return async () => Promise.all(calls.splice(0));
}

// The walk that both apps share.
async function walk(kind, app) {
  const did = (what, saw) => say({ did: `${kind}: ${what}`, saw: String(saw) });
  const page = await person();
  const context = page.context();
  const heard = overhear(page);
  await context.clock.install();
  await page.goto(`${app}/`);
  await page.locator('#sign-in').waitFor();
  await look(page, `${kind}-1-outside`);
  await signIn(page, app, 'alice');
  did('signed in', await textOf(page, '#who-title'));
  did('read', await textOf(page, '#items'));

  // By keyboard: what Alice may not.
  await page.focus('#item');
  await page.keyboard.type('A pot of glue');
  await page.keyboard.press('Enter');
  await shows(page, '#answer', '403');
  did('was refused', await textOf(page, '#answer'));
  await page.click('#renew');
  await shows(page, '#holds', 'used once');
  await look(page, `${kind}-2-inside`);
  did('kept in the browser', await kept(page));
  did('calls', JSON.stringify(await heard()));
  const cookies = (await context.cookies(app)).filter((c) => c.name.includes('shelf'));
  did('cookies', JSON.stringify(cookies.map(({ value, ...rest }) => rest)));

  // Many askers, one renewal: the page's clock goes on by six minutes.
  await page.clock.fastForward('06:00');
  const statuses = await page.evaluate(async () => {
    const door = await import('/door.js');
    return (await Promise.all(Array.from({ length: 5 }, () => door.ask('GET', '/items')))).map((answer) => answer?.status);
  });
  did('asked five times at once', JSON.stringify({ statuses, renewals: (await heard()).filter((c) => c.sent.includes('grant_type=refresh_token')).length }));

  await page.reload();
  await page.locator('#items li').first().waitFor();
  did('reloaded', await textOf(page, '#who-title'));
  const second = await tab(context);
  await second.goto(`${app}/`);
  await second.locator('#who-title, #sign-in').filter({ visible: true }).first().waitFor();
  did('opened a second tab', await second.locator('#inside').isVisible() ? 'signed in' : 'asked to sign in');
  await second.close();

  // Out, by keyboard; and nothing comes back by the back button or a reload.
  await page.focus('#sign-out');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.href.startsWith(`${app}/`));
  await page.locator('#sign-in').waitFor();
  did('signed out', await textOf(page, 'main'));
  await page.goBack();
  await page.locator('#sign-in').waitFor();
  did('went back', await page.locator('#inside').isVisible() ? 'sees Alice’s page' : 'sees nothing');
  await page.goto(`${app}/`);
  await page.locator('#sign-in').waitFor();
  did('kept after signing out', await kept(page));
  await page.goto(`${settings.issuer}/logout`);
  did('is signed out of the broker', await textOf(page, 'h1'));
  await context.close();

  // People who may more, and people who may not at all.
  const erin = await person();
  await signIn(erin, app, 'erin');
  await erin.fill('#item', `A seal of ${kind}`);
  await erin.click('#put');
  await shows(erin, '#answer', '201');
  did('wrote, as Erin', `${await textOf(erin, '#answer')} / ${await textOf(erin, '#items')}`);
  await erin.context().close();
  const mallory = await person();
  await mallory.goto(`${app}/`);
  await mallory.click('#sign-in');
  await mallory.click('#provider-auth0');
  await mallory.click('#user-mallory');
  await mallory.waitForURL(`${app}/`);
  await mallory.locator('#sign-in').waitFor();
  did('was not let in', await textOf(mallory, '#notice'));
  await look(mallory, `${kind}-3-refused`);
  await mallory.context().close();
}

await walk('bff', settings.bff);
await walk('spa', settings.spa);

// A broker that lies to the page that is its own client: it answers in the true one's place, and nobody may be signed in by it.
const idToken = (claims) => ['{"alg":"none"}', JSON.stringify(claims), ''].map((part) => Buffer.from(part).toString('base64url')).join('.');
async function lied(what, { answer = {}, claims = {} }) {
  const page = await person();
  let asked;
  await page.route(`${settings.issuer}/authorize?*`, (route) => {
    asked = new URL(route.request().url()).searchParams;
    const back = new URLSearchParams({ code: 'c', state: asked.get('state'), iss: settings.issuer, ...answer });
    for (const name of ['iss', 'state']) if (answer[name] === null) back.delete(name);
    return route.fulfill({ status: 303, headers: { location: `${asked.get('redirect_uri')}?${back}` } });
  });
  let redeemed = 0;
  await page.route(`${settings.issuer}/token`, (route) => {
    redeemed += 1;
    const now = Math.floor(Date.now() / 1000);
    const said = { iss: settings.issuer, aud: asked.get('client_id'), sub: 'usr_liar', name: 'A Liar', exp: now + 60, nonce: asked.get('nonce'), ...claims };
    return route.fulfill({ headers: { 'access-control-allow-origin': settings.spa }, json: { access_token: 'a', expires_in: 300, id_token: idToken(said) } });
  });
  await page.goto(`${settings.spa}/`);
  await page.click('#sign-in');
  await page.waitForURL(`${settings.spa}/`);
  await page.locator('#notice:not(:empty), #name:not(:empty)').first().waitFor();
  say({ did: `spa was lied to: ${what}`, saw: JSON.stringify({ inside: await page.locator('#inside').isVisible(), redeemed, notice: await textOf(page, '#notice') }) });
  await page.context().close();
}
const before = complaints.length;
await lied('another iss', { answer: { iss: 'https://evil.example' } });
await lied('no iss', { answer: { iss: null } });
await lied('another state', { answer: { state: 'x' } });
await lied('no state', { answer: { state: null } });
await lied('a token for another login', { claims: { nonce: 'x' } });
await lied('a token for another app', { claims: { aud: 'other' } });
await lied('a token for others, too', { claims: { aud: ['spa', 'other'] } });
await lied('a token of another broker', { claims: { iss: 'https://evil.example' } });
await lied('a token about nobody', { claims: { sub: '' } });
await lied('a token that is over', { claims: { exp: 1 } });
await lied('nothing', {}); // so that each of the others is refused for its own lie

// A refresh that the broker refuses ends it; a broker that is away does not.
const tired = await person();
await signIn(tired, settings.spa, 'alice');
for (const [what, status] of [['is away', 503], ['refuses', 400]]) {
  await tired.route(`${settings.issuer}/token`, (route) => route.fulfill({ status, headers: { 'access-control-allow-origin': settings.spa }, json: { error: 'invalid_grant' } }));
  await tired.click('#renew');
  await tired.locator('#notice:not(:empty)').first().waitFor();
  say({ did: `spa: at a refresh the broker ${what}`, saw: `${await textOf(tired, '#notice')} ${await tired.locator('#inside').isVisible() ? 'still signed in' : 'signed out'}` });
  await tired.unroute(`${settings.issuer}/token`);
  if (status === 503) {
    await tired.click('#renew');
    await shows(tired, '#holds', 'used once');
    await tired.locator('#notice:empty').waitFor({ state: 'attached' });
  }
}
await tired.context().close();
complaints.splice(before); // the browser rightly tells of each 4xx and 5xx

// A page of another origin, in the browser of somebody who is signed in and may write, tries to write through the cookie.
const evil = createServer((_, res) => { res.setHeader('content-type', 'text/html'); res.end('<!doctype html><title>Kittens</title><iframe name="hidden"></iframe>'); });
await new Promise((ready) => evil.listen(Number(new URL(settings.evil).port), '127.0.0.1', ready));
const victim = await person();
await signIn(victim, settings.bff, 'erin');
const kittens = await tab(victim.context());
await kittens.goto(settings.evil);
const expected = complaints.length;
const tried = await kittens.evaluate(async (bff) => {
  const body = JSON.stringify({ name: 'Stolen by kittens' });
  const outcome = (promise) => promise.then((res) => `${res.type} ${res.status}`, () => 'refused by the browser');
  const out = {
    plain: await outcome(fetch(`${bff}/api/items`, { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'Content-Type': 'text/plain' }, body })),
    header: await outcome(fetch(`${bff}/api/items`, { method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json', 'X-Shelf': 'x' }, body })),
    read: await outcome(fetch(`${bff}/session`, { credentials: 'include', headers: { 'X-Shelf': 'x' } })),
    signOut: await outcome(fetch(`${bff}/logout`, { method: 'POST', mode: 'no-cors', credentials: 'include' })),
  };
  for (const action of ['/api/items', '/logout', '/session/renew']) {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: bff + action, target: 'hidden', enctype: 'text/plain' });
    form.append(Object.assign(document.createElement('input'), { name: body, value: '' }));
    document.body.append(form);
    const loaded = new Promise((done) => { document.querySelector('iframe').onload = done; });
    form.submit();
    await loaded;
  }
  return out;
}, settings.bff);
complaints.splice(expected); // the browser rightly complains of each
await victim.reload();
await victim.locator('#items li').first().waitFor();
say({ did: 'bff: another site tried', saw: `${JSON.stringify(tried)} / ${await textOf(victim, '#who-title')} / ${await textOf(victim, '#items')}` });
await kittens.close();
evil.close();

// A tab that was opened as Erin, after Bob signed in beside it: what Erin types there is not sent as Bob.
const beside = await tab(victim.context());
await beside.goto(`${settings.bff}/`);
await beside.click('#sign-out');
await beside.locator('#sign-in').waitFor();
await beside.click('#sign-in');
await beside.click('#provider-google');
await beside.click('#user-bob');
await beside.waitForURL(`${settings.bff}/`);
await beside.locator('#items li').first().waitFor();
await victim.fill('#item', 'A secret of Erin');
await victim.click('#put');
await shows(victim, '#notice', 'anew');
say({ did: 'bff: wrote in a tab of before', saw: `${await textOf(victim, '#who-title')} / ${await textOf(victim, '#items')}` });
await victim.context().close();

await browser.close();
say({ done: true, complaints });
