// The door of a page that keeps no token: everything is asked of its own server, which has them. Compare examples/spa.
//
// The browser sends the session's cookie by itself, to whoever's page makes it do so. Therefore each request carries a header that a
// page of another origin cannot add without asking (CORS), and its value belongs to the session that this page was opened in.
export const about = {
  kind: 'No token in the browser: a backend for this page',
  lead: 'This page signs you in through a small server of its own. The tokens stay there; the browser gets a cookie that no script can read.',
  steps: [
    'You go to Handstamp, and come back with a code that is good once.',
    'The server trades the code for tokens, with a secret that never leaves it.',
    'The page asks its own server for items. The server looks up your session and asks the API, with the access token.',
    'Before that token ends, the server renews it. You notice nothing.',
  ],
};

let session = { pass: 'none' };

export async function arrive() {
  if (location.search) history.replaceState(null, '', '/');
  const res = await call('GET', '/session');
  if (!res.ok) throw new Error(`the session answered ${res.status}`);
  session = await res.json();
  return { person: session.person, notice: session.notice };
}

export async function ask(method, path, body) {
  const res = await call(method, `/api${path}`, body);
  return await ended(res) ? null : { status: res.status, body: await res.json(), challenge: res.headers.get('WWW-Authenticate') };
}

export async function renew() {
  const res = await call('POST', '/session/renew');
  if (await ended(res)) return false;
  if (!res.ok) throw new Error(`the renewal answered ${res.status}`);
  session = await res.json();
  return true;
}

// signIn leaves the page: a login is a trip of the whole tab.
export function signIn() {
  location.assign('/login');
  return new Promise(() => {});
}

// signOut ends the session, then goes to where the server sends the browser on to the broker.
export async function signOut() {
  const res = await call('POST', '/logout');
  location.assign(res.ok ? '/goodbye' : '/');
  return new Promise(() => {});
}

export function holds() {
  const { expires, renewed } = session;
  return [
    ['Access token', `on the server, until ${new Date(expires).toLocaleTimeString()}`],
    ['Refresh token', `on the server, used ${renewed === 1 ? 'once' : `${renewed ?? 0} times`}`],
    ['Kept in this browser', 'one cookie that no script can read'],
    ['What a hostile script in this page could take away', 'nothing: it could act only while this page is open', 'good'],
  ];
}

function call(method, path, body) {
  return fetch(path, { method, cache: 'no-store', headers: { 'X-Shelf': session.pass, ...(body && { 'Content-Type': 'application/json' }) }, body: body && JSON.stringify(body) });
}

// ended tells whether the server says that this page's session is over: it ended, or somebody signed in anew.
async function ended(res) {
  if (res.status !== 401 && res.status !== 403) return false;
  const { error } = await res.clone().json();
  return error === 'no_session' || error === 'another_session';
}
