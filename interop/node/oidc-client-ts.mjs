// oidc-client-ts in a real page: public client, PKCE, everything by CORS, in Chromium.
//
//   node oidc-client-ts.mjs '{"issuer":"…","clientID":"…","app":"http://localhost:…","scope":"…","person":"Alice Acme"}'
//
// Serves page.html at `app`, lets a person sign in, renew and sign out there, and prints {"signedIn":…,"renewed":…,"signedOut":…}.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { launch, say } from './chromium.mjs';

const settings = JSON.parse(process.argv[2]);
const here = (file) => new URL(file, import.meta.url);
const files = {
  '/': ['text/html', await readFile(here('page.html'))],
  '/oidc-client-ts.js': ['text/javascript', await readFile(here('node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js'))],
  '/settings.json': ['application/json', JSON.stringify({ authority: settings.issuer, client_id: settings.clientID, scope: settings.scope })],
};
const server = createServer((req, res) => {
  const file = files[new URL(req.url, settings.app).pathname];
  if (!file) { res.statusCode = 404; return res.end(); }
  res.setHeader('content-type', `${file[0]}; charset=utf-8`);
  res.end(file[1]);
});
await new Promise((ready) => server.listen(new URL(settings.app).port, '127.0.0.1', ready));

const browser = await launch();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const refused = [];
  page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() === 'error' && !url.endsWith('/favicon.ico')) refused.push(`${url}: ${message.text()}`);
  });
  const result = async (before) => {
    await page.waitForFunction((old) => { const now = document.getElementById('result')?.textContent; return now && now !== old; }, before ?? '');
    return page.textContent('#result');
  };
  await page.goto(`${settings.app}/`);
  await page.click('#sign-in');
  await page.getByRole('button', { name: settings.person }).click();
  const signedIn = await result();
  await page.click('#renew');
  const renewed = await result(signedIn);
  await page.click('#leave');
  // The broker, or a stranger's OP, may ask whether one means it.
  await page.waitForFunction((app) => location.href === `${app}/` || document.querySelector('form'), settings.app);
  if (page.url() !== `${settings.app}/`) await page.locator('#sign-out, button[type=submit], form button').first().click();
  await page.waitForURL((url) => url.href.startsWith(`${settings.app}/`));
  say({ signedIn: JSON.parse(signedIn), renewed: JSON.parse(renewed), signedOut: page.url(), refused });
} finally {
  await browser.close();
  server.close();
}
