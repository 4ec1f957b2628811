// oauth4webapi reads every answer as its RFC spells it, and forgives nothing: no option is set, and nothing is allowed to be insecure.
//
//   node oauth4webapi.mjs '{"issuer":"https://…","app":"http://localhost:…","clientID":"…","clientSecret":"…","machine":"nightly",…}'
//
// Prints {"open":URL}: where a person's browser has to go. Then serves app + "/callback" and the machine's keys at app + "/jwks.json",
// does all that an app and a machine do, and prints {"result":…}.
import { createServer } from 'node:http';
import { exportJWK } from 'jose';
import * as oauth from 'oauth4webapi';

const settings = JSON.parse(process.argv[2]);
const issuer = new URL(settings.issuer);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
const client = { client_id: settings.clientID };
const bySecret = oauth.ClientSecretBasic(settings.clientSecret);
const byForm = oauth.ClientSecretPost(settings.clientSecret);

const redirectURI = `${settings.app}/callback`;
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const authorize = new URL(as.authorization_endpoint);
authorize.search = new URLSearchParams({
  client_id: client.client_id, redirect_uri: redirectURI, response_type: 'code', scope: settings.scope, resource: settings.resource, provider: settings.provider,
  state, nonce, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
});

const machine = { client_id: settings.machine };
const pair = await oauth.generateKeyPair('ES256');
const keys = JSON.stringify({ keys: [{ ...await exportJWK(pair.publicKey), kid: 'now', alg: 'ES256', use: 'sig' }] });
const byKey = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: 'now' });

const told = (promise) => promise.then(() => 'accepted', (err) => err.error ?? err.message);

async function person(url) {
  const back = oauth.validateAuthResponse(as, client, url, state);
  const first = await oauth.authorizationCodeGrantRequest(as, client, bySecret, back, redirectURI, verifier);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, first, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, first);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const userinfo = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, tokens.access_token));
  const atAPI = await oauth.validateJwtAccessToken(as, new Request(settings.resource, { headers: { authorization: `Bearer ${tokens.access_token}` } }), settings.resource);

  const introspect = async (token, auth = bySecret) => oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token));
  const refresh = async (token) => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, byForm, token));
  const refreshed = await refresh(tokens.refresh_token);
  const alive = await introspect(refreshed.access_token);
  const refreshAlive = await introspect(refreshed.refresh_token, byForm);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, bySecret, refreshed.refresh_token));
  return {
    sub: claims.sub, email: userinfo.email, apiSub: atAPI.sub, apiClient: atAPI.client_id, rotated: refreshed.refresh_token !== tokens.refresh_token,
    alive: alive.active, aliveSub: alive.sub, refreshAlive: refreshAlive.active, dead: (await introspect(refreshed.refresh_token)).active,
    deadAccess: (await introspect(refreshed.access_token)).active, afterRevocation: await told(refresh(refreshed.refresh_token)), idToken: tokens.id_token,
    endSession: `${as.end_session_endpoint}?${new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${settings.app}/bye`, state: 'bye' })}`,
  };
}

async function job() {
  const ask = async (parameters) => oauth.processClientCredentialsResponse(as, machine, await oauth.clientCredentialsGrantRequest(as, machine, byKey, parameters));
  const tokens = await ask({ scope: settings.machineScope });
  const atAPI = await oauth.validateJwtAccessToken(as, new Request(settings.resource, { headers: { authorization: `Bearer ${tokens.access_token}` } }), settings.resource);
  const introspect = async () => oauth.processIntrospectionResponse(as, machine, await oauth.introspectionRequest(as, machine, byKey, tokens.access_token));
  const alive = await introspect();
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, machine, byKey, tokens.access_token));
  return {
    scope: tokens.scope ?? settings.machineScope, tokenType: tokens.token_type, apiSub: atAPI.sub, alive: alive.active, dead: (await introspect()).active,
    widened: await told(ask({ scope: 'openid' })),
  };
}

const { port, origin } = new URL(settings.app);
const server = createServer(async (req, res) => {
  const url = new URL(req.url, origin);
  if (url.pathname === '/jwks.json') { res.setHeader('Content-Type', 'application/jwk-set+json'); return res.end(keys); }
  if (url.pathname !== '/callback') { res.statusCode = 404; return res.end(); }
  res.end('signed in');
  const line = await Promise.all([person(url), job()]).then(([a, b]) => ({ result: { person: a, job: b } }),
    (err) => ({ error: err.code ?? err.name, message: String(err.message), cause: err.cause ?? null }));
  console.log(JSON.stringify(line));
}).listen(port, '127.0.0.1', () => console.log(JSON.stringify({ open: authorize.href })));
process.on('SIGTERM', () => { server.close(); server.closeAllConnections(); });
