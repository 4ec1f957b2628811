// The door of a single-page app that is its own OAuth client. All that examples/bff leaves to a server happens here, in the page:
// the login with PKCE, the tokens, their renewal. See docs/browser-apps.md for what that costs.
//
// Tokens live in this module's memory and nowhere else: not in localStorage, sessionStorage, IndexedDB or a cookie, where any script
// of this origin could read them, today or next week. A reload forgets them; the broker, asked again, remembers the person.
import settings from '/settings.js';

export const about = {
  kind: 'Tokens in the page: a client of its own',
  lead: 'This page signs you in by itself. The tokens come to the browser and stay in this tab’s memory.',
  steps: [
    'You go to Handstamp, and come back with a code that is good once.',
    'The page trades the code for tokens. Only the page that asked can: it kept the other half of a secret (PKCE).',
    'It calls the API on another origin, with the access token in a header.',
    'Before that token ends, the page trades its refresh token for the next two.',
  ],
};

let tokens; // {access, refresh, id, ends, person}, or undefined
let renewed = 0;
let renewing; // the one renewal under way
let provider; // the broker's discovery document

const bye = 'bye'; // comes back from a sign-out

// What must outlive a trip to the broker is no token: the attempt, good for one answer, and whether this tab was signed in.
const attempts = {
  keep: (attempt) => sessionStorage.setItem('attempt', JSON.stringify(attempt)),
  take() {
    const kept = sessionStorage.getItem('attempt');
    sessionStorage.removeItem('attempt'); // one answer, not two
    return JSON.parse(kept);
  },
};
const signedInHere = {
  get yes() { return sessionStorage.getItem('signed-in') === 'yes'; },
  set yes(value) { if (value) sessionStorage.setItem('signed-in', 'yes'); else sessionStorage.removeItem('signed-in'); },
};

// arrive finds out who is here. After a reload it asks the broker without a question to the person (prompt=none). That is a trip of
// the whole page, not of a hidden frame: browsers keep the broker's cookie from frames in other people's pages.
export async function arrive() {
  const answer = new URLSearchParams(location.search);
  const returned = location.pathname === '/callback';
  if (location.search || returned) history.replaceState(null, '', '/'); // no code stays in the address bar
  if (returned) return finish(answer);
  if (!tokens && signedInHere.yes) await begin({ prompt: 'none' });
  return { person: tokens?.person ?? null, notice: !tokens && answer.get('state') === bye ? 'You are signed out.' : undefined };
}

export const signIn = () => begin({});

// begin sends this tab to the broker and does not return.
async function begin({ prompt }) {
  const { authorization_endpoint: to } = await discover();
  const attempt = { state: random(), nonce: random(), verifier: random(), silent: prompt === 'none' };
  attempts.keep(attempt);
  await leave(to, {
    response_type: 'code', client_id: settings.clientID, redirect_uri: settings.redirectURI, scope: settings.scope, resource: settings.resource,
    state: attempt.state, nonce: attempt.nonce, code_challenge: await challenge(attempt.verifier), code_challenge_method: 'S256', ...(prompt && { prompt }),
  });
}

// finish takes the broker's answer: is it for this tab, from that broker, and whose is it?
async function finish(answer) {
  const nobody = (notice) => ({ person: null, notice });
  const attempt = attempts.take();
  if (!attempt || answer.get('state') !== attempt.state) return nobody('That sign-in did not begin in this tab, or is over. Please sign in again.');
  if (answer.get('iss') !== settings.issuer) return nobody('That answer comes from somebody else.'); // RFC 9207 §2.4
  if (answer.has('error')) {
    signedInHere.yes = false;
    return nobody(attempt.silent ? undefined : answer.get('error_description') || 'You are not signed in.');
  }
  const got = await askForTokens({ grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: settings.redirectURI, code_verifier: attempt.verifier });
  if (!got || got.person.nonce !== attempt.nonce) return nobody('The sign-in could not be finished. Please try again.');
  tokens = got;
  signedInHere.yes = true;
  return { person: tokens.person };
}

// askForTokens returns what the token endpoint gives, or undefined where it refuses. A broker that does not answer is an error.
async function askForTokens(form) {
  const { token_endpoint: to } = await discover();
  const res = await post(to, form);
  if (res.status >= 500 || res.status === 429) throw new Error(`the broker answered ${res.status}`);
  if (!res.ok) return undefined;
  const body = await res.json();
  const person = body.id_token ? readIDToken(body.id_token) : tokens?.person; // a refresh may leave it out
  if (!person) return undefined;
  return { access: body.access_token, refresh: body.refresh_token, id: body.id_token ?? tokens?.id, ends: Date.now() + 1000 * body.expires_in, person };
}

// readIDToken checks what the token says. It came from the token endpoint itself, over TLS, which stands in for its signature
// (OpenID Connect Core §3.1.3.7, 6).
function readIDToken(raw) {
  const bytes = Uint8Array.from(atob(raw.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const { iss, aud, exp, sub, nonce, name, email } = JSON.parse(new TextDecoder().decode(bytes));
  const good = iss === settings.issuer && [aud].flat().join() === settings.clientID && exp * 1000 > Date.now() - 60_000 && sub;
  return good ? { subject: sub, nonce, name, email } : undefined;
}

// ask calls the API with an access token that is good for a while yet.
export async function ask(method, path, body) {
  if (!tokens || (Date.now() > tokens.ends - 30_000 && !await renew())) return null;
  const res = await fetch(settings.api + path, {
    method, credentials: 'omit', cache: 'no-store', body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${tokens.access}`, ...(body && { 'Content-Type': 'application/json' }) },
  });
  return { status: res.status, body: await res.json(), challenge: res.headers.get('WWW-Authenticate') };
}

// renew spends the refresh token, which is good for one use: callers at the same time share one renewal, since the broker takes a
// second use for a theft and ends all of them (RFC 9700 §4.14.2).
export function renew() {
  renewing ??= spend().finally(() => { renewing = undefined; });
  return renewing;
}

async function spend() {
  const before = tokens;
  const got = before?.refresh && await askForTokens({ grant_type: 'refresh_token', refresh_token: before.refresh });
  if (!got || got.person.subject !== before.person.subject) {
    tokens = undefined;
    signedInHere.yes = false;
    return false;
  }
  tokens = got;
  renewed += 1;
  return true;
}

// signOut ends it everywhere: in this tab, the refresh token at the broker (RFC 7009), and the person's session there.
export async function signOut() {
  const { end_session_endpoint: to, revocation_endpoint: revoke } = await discover();
  const { id, refresh } = tokens ?? {};
  tokens = undefined;
  signedInHere.yes = false;
  if (refresh) await post(revoke, { token: refresh }).catch(console.warn);
  await leave(to, { client_id: settings.clientID, post_logout_redirect_uri: settings.home, state: bye, ...(id && { id_token_hint: id }) });
}

export function holds() {
  const until = new Date(tokens.ends).toLocaleTimeString();
  return [
    ['Access token', `in this page’s memory, until ${until}`],
    ['Refresh token', tokens.refresh ? `in this page’s memory, used ${renewed === 1 ? 'once' : `${renewed} times`}` : 'none'],
    ['Kept in this browser', 'nothing: a reload asks Handstamp again'],
    ['What a hostile script in this page could take away', 'both tokens, to use elsewhere', 'bad'],
  ];
}

// discover reads the broker's description of itself, once.
async function discover() {
  if (provider) return provider;
  const res = await fetch(`${settings.issuer}/.well-known/openid-configuration`, { credentials: 'omit' });
  const found = await res.json();
  if (!res.ok || found.issuer !== settings.issuer) throw new Error('this is not the broker’s description'); // OpenID Connect Discovery §4.3
  provider = found;
  return provider;
}

// post sends a form as a public client does: by its name, without a secret.
function post(to, form) {
  return fetch(to, { method: 'POST', credentials: 'omit', cache: 'no-store', redirect: 'error', body: new URLSearchParams({ client_id: settings.clientID, ...form }) });
}

// leave goes to another page; the promise never ends, since this page does.
function leave(to, query) {
  const url = new URL(to);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
  return new Promise(() => {});
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challenge(verifier) { // RFC 7636 §4.2
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}
