// An upstream that others wrote: the certified oidc-provider, dressed as Google, Okta or Auth0.
//
//   node upstream.mjs '{"personality":"okta","port":4510,"clientID":"…","clientSecret":"…","redirectURIs":["…"]}'
//
// Prints one line, {"issuer":…}, when it listens. A personality is only what the vendor does differently: issuer, paths, claims,
// subjects, thin or fat ID tokens, whether one can sign out. The sign-in page is a button a person, as the vendors' account pickers are.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider, interactionPolicy } from 'oidc-provider';

const settings = JSON.parse(process.argv[2]);
const origin = `http://localhost:${settings.port}`;

const people = {
  alice: { email: 'alice@acme.example', email_verified: true, name: 'Alice Acme', given_name: 'Alice', family_name: 'Acme' },
  bob: { email: 'bob@gmail.com', email_verified: true, name: 'Bob Private', given_name: 'Bob', family_name: 'Private' },
  mallory: { email: 'alice@acme.example', email_verified: false, name: 'Mallory', given_name: 'Mallory', family_name: 'Nobody' },
};

const oktaPaths = (base) => ({
  authorization: `${base}/v1/authorize`, token: `${base}/v1/token`, userinfo: `${base}/v1/userinfo`, jwks: `${base}/v1/keys`,
  end_session: `${base}/v1/logout`, revocation: `${base}/v1/revoke`, introspection: `${base}/v1/introspect`,
});

const personalities = {
  // Google: hd for Workspace people only, 21 digits, no groups, no way to sign out.
  google: {
    issuer: origin,
    routes: { authorization: '/o/oauth2/v2/auth', token: '/token', userinfo: '/v1/userinfo', jwks: '/oauth2/v3/certs' },
    fat: true, endSession: false,
    subjects: { alice: '100000000000000000001', bob: '100000000000000000002', mallory: '100000000000000000003' },
    claims: { alice: { hd: 'acme.example' } },
    scopes: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'hd'] },
  },
  // Okta, custom authorization server: issuer with a path, groups by scope, in the ID token.
  okta: {
    issuer: `${origin}/oauth2/default`, mount: '/oauth2/default', routes: oktaPaths(''),
    fat: true, endSession: true,
    subjects: { alice: '00ualice0000000000a1', bob: '00ubob00000000000a2', mallory: '00umallory000000000a3' },
    claims: { alice: { groups: ['Everyone', 'Engineering'] }, bob: { groups: ['Everyone'] }, mallory: { groups: ['Everyone'] } },
    scopes: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'], groups: ['groups'] },
  },
  // Okta, org authorization server: the ID token is thin, everything else is at userinfo.
  'okta-org': {
    issuer: origin, routes: oktaPaths('/oauth2'),
    fat: false, endSession: true,
    subjects: { alice: '00ualice0000000000a1', bob: '00ubob00000000000a2', mallory: '00umallory000000000a3' },
    claims: { alice: { groups: ['Everyone', 'Engineering'] }, bob: { groups: ['Everyone'] }, mallory: { groups: ['Everyone'] } },
    scopes: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'], groups: ['groups'] },
  },
  // Auth0: the issuer ends in a slash, subjects carry the connection, roles live under a namespace.
  auth0: {
    issuer: `${origin}/`,
    routes: { authorization: '/authorize', token: '/oauth/token', userinfo: '/userinfo', jwks: '/.well-known/jwks.json', end_session: '/oidc/logout', revocation: '/oauth/revoke' },
    fat: true, endSession: true,
    subjects: { alice: 'auth0|a1', bob: 'auth0|b2', mallory: 'auth0|c3' },
    claims: { alice: { 'https://handstamp.example/roles': ['editor'] }, bob: { 'https://handstamp.example/roles': [] } },
    scopes: { openid: ['sub', 'https://handstamp.example/roles'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'] },
  },
};

const as = personalities[settings.personality];
if (!as) throw new Error(`no personality ${JSON.stringify(settings.personality)}; there are ${Object.keys(personalities).join(', ')}`);

const accounts = Object.fromEntries(Object.entries(as.subjects).map(([who, sub]) => [sub, { sub, ...people[who], ...as.claims[who] }]));

const key = (kid, type, options) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, use: 'sig' });

const prompts = interactionPolicy.base();
prompts.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);

const scopes = ['openid', 'offline_access', ...Object.keys(as.scopes).filter((s) => s !== 'openid')];

const provider = new Provider(as.issuer, {
  clients: [{
    client_id: settings.clientID,
    client_secret: settings.clientSecret,
    redirect_uris: settings.redirectURIs,
    post_logout_redirect_uris: settings.postLogoutRedirectURIs ?? [],
    ...(settings.backchannelLogoutURI && { backchannel_logout_uri: settings.backchannelLogoutURI, backchannel_logout_session_required: true }),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: settings.authMethod ?? 'client_secret_basic',
  }],
  jwks: { keys: [key('r1', 'rsa', { modulusLength: 2048 })] },
  scopes,
  claims: as.scopes,
  conformIdTokenClaims: !as.fat,
  routes: as.routes,
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: as.endSession }, revocation: { enabled: true },
    backchannelLogout: { enabled: Boolean(settings.backchannelLogoutURI) } },
  // Left to itself it calls nobody on this machine, which is right everywhere but in a test.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  interactions: { policy: prompts, url: (ctx, interaction) => `${as.mount ?? ''}/interaction/${interaction.uid}` },
  cookies: { keys: ['only for a test'] },
  ttl: { Interaction: 600, Session: 3600, Grant: 3600, AccessToken: 300, IdToken: 300 },
  async findAccount(ctx, id) { return accounts[id] && { accountId: id, claims: async () => accounts[id] }; },
  // The vendors do not ask a person to consent to their own company's broker.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope(scopes.join(' '));
    await grant.save();
    return grant;
  },
});

const escape = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const signIn = () => `<!doctype html><title>Sign in</title><h1>${escape(settings.personality)}</h1><form method="post">${
  Object.entries(as.subjects).map(([who]) => `<p><button name="user" value="${who}">${escape(people[who].name)}</button>`).join('')
}<p><button name="user" value="">Cancel</button></form>`;

// The account picker: what a person answers is what oidc-provider's own policy asked for.
async function interact(req, res) {
  if (req.method === 'GET') {
    await provider.interactionDetails(req, res);
    res.setHeader('content-type', 'text/html; charset=utf-8');
    return res.end(signIn());
  }
  let body = '';
  for await (const chunk of req) body += chunk;
  const who = new URLSearchParams(body).get('user');
  const answer = who
    ? { login: { accountId: as.subjects[who] }, select_account: {} }
    : { error: 'access_denied', error_description: 'the person pressed Cancel' };
  await provider.interactionFinished(req, res, answer, { mergeWithLastSubmission: false });
}

provider.on('backchannel.error', (ctx, err) => console.error(`the broker was not told of a logout: ${err}`));
const answer = provider.callback();
createServer((req, res) => {
  req.originalUrl = req.url;
  if (as.mount) {
    if (!req.url.startsWith(`${as.mount}/`)) { res.statusCode = 404; return res.end(); }
    req.url = req.url.slice(as.mount.length);
  }
  if (req.url.startsWith('/interaction/')) {
    return interact(req, res).catch((err) => { res.statusCode = 400; res.end(String(err)); });
  }
  answer(req, res);
}).listen(settings.port, '127.0.0.1', () => console.log(JSON.stringify({ issuer: as.issuer })));
