// A person with Chromium in front of `handstamp dev`: from the sample app's first page to signing out, by mouse, by keyboard, and
// without JavaScript; every page looked at by axe-core at a phone's and a desktop's width, its Tab order walked, and photographed.
//
//   node person.mjs '{"app":"…","issuer":"…","shots":"DIR","resolve":"MAP *.test 127.0.0.1","caFile":"…"}'
//
// Prints one line for each page, {"page":…,"violations":[…],"tab":[…]}, and for each thing that happened, {"did":…,"saw":…};
// then {"done":true}. The Go test judges them.
import { launch, say, trusting } from './chromium.mjs';
import { looker } from './look.mjs';

const settings = JSON.parse(process.argv[2]);
const look = looker(settings.shots);
const browser = await launch({ resolve: settings.resolve, trust: trusting(settings.caFile) });

const complaints = [];
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.location().url}: ${message.text()}`); });
  page.on('pageerror', (err) => complaints.push(`${page.url()}: ${err}`));
  return page;
}

const textOf = (page, selector) => page.locator(selector).first().innerText();
const at = (page) => { const { origin, pathname } = new URL(page.url()); return origin + pathname; };

// 1. By mouse, looking at everything.
const me = await visitor();
await me.goto(`${settings.app}/`);
await look(me, '1-app');
await me.click('#sign-in');
say({ did: 'chose to choose', saw: at(me) });
await look(me, '2-chooser');
await me.click('#provider-okta');
say({ did: 'chose Okta', saw: at(me) });
await look(me, '3-upstream');
await me.click('#user-alice');
await me.waitForURL(`${settings.app}/`);
say({ did: 'signed in', saw: await textOf(me, '#who-title') });
await me.click('#call-read');
say({ did: 'read', saw: await textOf(me, '#read-status') });
await me.click('#call-write');
say({ did: 'wrote', saw: `${await textOf(me, '#write-status')} ${await textOf(me, '#write-challenge')}` });
await me.click('#refresh');
say({ did: 'refreshed', saw: await textOf(me, '#refreshed') });
await look(me, '4-app-signed-in');

// 2. Somebody else's app asks: is it you, and may it?
const notes = (prompt) => `${settings.issuer}/authorize?${new URLSearchParams({
  client_id: 'notes', redirect_uri: `${settings.app}/notes/callback`, response_type: 'code', scope: 'openid profile email items:read', state: 'n1', nonce: 'n2',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...(prompt && { prompt }),
})}`;
await me.goto(notes('select_account'));
say({ did: 'asked to choose again', saw: await me.locator('#continue, #allow').first().getAttribute('id') });
if (await me.locator('#continue').count()) {
  await look(me, '5-continue');
  await me.click('#continue');
}
await me.waitForSelector('#allow');
await look(me, '6-consent');
await me.click('#deny');
await me.waitForURL((url) => url.pathname === '/notes/callback');
say({ did: 'did not allow', saw: new URL(me.url()).search });
await me.goto(notes());
await me.waitForSelector('#allow');
await me.click('#allow');
await me.waitForURL((url) => url.pathname === '/notes/callback');
say({ did: 'allowed', saw: new URL(me.url()).search });
await me.goto(notes());
await me.waitForURL((url) => url.pathname === '/notes/callback');
say({ did: 'was not asked twice', saw: new URL(me.url()).search });

// What the person has here: another browser signs in, this one sees it and ends it, then the app's access and the consent.
const phone = await visitor();
await phone.goto(`${settings.app}/`);
await phone.click('#sign-in-okta');
await phone.click('#user-alice');
await phone.waitForURL(`${settings.app}/`);
await me.goto(`${settings.app}/`);
await me.click('#account');
await me.waitForURL(`${settings.issuer}/account`);
await look(me, 'b-account');
await me.click('#end-others');
say({ did: 'ended the other sessions', saw: `${await textOf(me, '#notice')} ${await me.locator('#sessions li').count()} left` });
await me.click('#apps li:first-child button');
say({ did: 'ended an app', saw: await textOf(me, '#notice') });
await me.click('#consents li:first-child button');
say({ did: 'forgot a consent', saw: `${await textOf(me, '#notice')} ${await textOf(me, '#consents')}` });
await look(me, 'c-account-empty');
await phone.goto(`${settings.issuer}/account`);
say({ did: 'looked from the browser whose session was ended', saw: await textOf(phone, 'h1') });
await look(phone, 'd-account-sign-in');
await phone.context().close();
await me.goto(notes('none'));
await me.waitForURL((url) => url.pathname === '/notes/callback');
say({ did: 'was forgotten', saw: new URL(me.url()).search });

// 3. An app that nobody knows: a page for the person, and no redirect.
await me.goto(`${settings.issuer}/authorize?client_id=nobody&redirect_uri=https%3A%2F%2Fevil.example%2F&response_type=code&scope=openid`);
say({ did: 'met an unknown app', saw: `${at(me)} ${await textOf(me, '#reference')}` });
await look(me, '7-error');

// 4. Signing out at the broker itself asks first; then at the app, which comes back.
await me.goto(`${settings.issuer}/logout`);
await look(me, '8-sign-out');
await me.goto(`${settings.app}/`);
await me.click('#sign-out');
await me.waitForURL((url) => url.href.startsWith(`${settings.app}/`));
say({ did: 'signed out', saw: await textOf(me, '#bye') });
await me.goto(`${settings.issuer}/logout`);
say({ did: 'signed out twice', saw: await textOf(me, 'h1') });
await look(me, '9-signed-out');

// After signing out the next login asks at the upstream who it is, although the upstream still knows.
await me.goto(`${settings.app}/`);
await me.click('#sign-in-google');
say({ did: 'signed in elsewhere after signing out', saw: await me.locator('#user-bob').count() ? 'asked who' : me.url() });
await me.click('#user-bob');
await me.waitForURL(`${settings.app}/`);
say({ did: 'became somebody else', saw: await textOf(me, '#who-title') });
await me.context().close();

// 5. People who may not: closed upstream, an unverified address, and one who changes their mind.
for (const [person, press] of [['carol', '#user-carol'], ['mallory', '#user-mallory'], ['nobody', '#cancel']]) {
  const page = await visitor();
  await page.goto(`${settings.app}/`);
  await page.click('#sign-in-auth0');
  const button = page.locator(press);
  if (await button.count()) await button.click();
  await page.waitForLoadState();
  say({ did: `tried as ${person}`, saw: `${at(page)} ${(await page.locator('main').innerText()).replace(/\s+/g, ' ').slice(0, 300)}` });
  await look(page, `a-${person}`);
  await page.context().close();
}

// 6. By keyboard alone.
const keys = await visitor();
const reach = async (id) => {
  for (let i = 0; i < 40; i += 1) {
    if (await keys.evaluate((want) => document.activeElement?.id === want, id)) return keys.keyboard.press('Enter');
    await keys.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach #${id} on ${keys.url()}`);
};
await keys.goto(`${settings.app}/`);
await reach('sign-in');
await keys.waitForSelector('#provider-okta');
await reach('provider-okta');
await keys.waitForSelector('#user-erin');
await reach('user-erin');
await keys.waitForURL(`${settings.app}/`);
await keys.waitForSelector('#call-write');
await reach('call-write');
await keys.waitForSelector('#write-status');
say({ did: 'wrote by keyboard, as Erin', saw: await textOf(keys, '#write-status') });
await reach('call-empty');
await keys.waitForSelector('#empty-status');
say({ did: 'emptied the shelf with a young sign-in', saw: await textOf(keys, '#empty-status') });
await keys.context().close();

// 7. Without JavaScript.
const plain = await visitor({ javaScriptEnabled: false });
await plain.goto(`${settings.app}/`);
await plain.click('#sign-in');
await plain.click('#provider-auth0');
await plain.click('#user-alice');
await plain.waitForURL(`${settings.app}/`);
say({ did: 'signed in without JavaScript', saw: await plain.locator('#who-title').innerText() });
await plain.click('#sign-out');
await plain.waitForSelector('#bye');
say({ did: 'signed out without JavaScript', saw: await plain.locator('#bye').innerText() });
await plain.context().close();

// 8. With a password of the house: one slip, then the right one.
const dana = await visitor();
await dana.goto(`${settings.app}/`);
await dana.click('#sign-in');
await dana.click('#provider-local');
await dana.waitForSelector('#password');
await look(dana, '14-password');
await dana.fill('#username', settings.resident.username);
await dana.fill('#password', `${settings.resident.password}!`);
await dana.click('#go-on');
await dana.waitForSelector('#problem');
say({ did: 'mistyped the password', saw: await textOf(dana, '#problem') });
await look(dana, '15-password-again');
say({ did: 'found the name still there', saw: await dana.inputValue('#username') });
await dana.fill('#password', settings.resident.password);
await dana.keyboard.press('Enter');
await dana.waitForURL(`${settings.app}/`);
say({ did: 'signed in with a password', saw: await textOf(dana, '#who-title') });
await dana.context().close();

await browser.close();
say({ done: true, complaints });
