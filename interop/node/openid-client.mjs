// A Node app with openid-client, in its default settings: discovery, PKCE, state, nonce, client_secret_post.
//
//   node openid-client.mjs '{"issuer":"…","clientID":"…","clientSecret":"…","redirectURI":"http://localhost:…/callback",…}'
//
// Prints {"open":URL}: where a person's browser has to go. Then serves the redirect URI, does all that an app does in a
// person's absence, and prints {"result":…}. `allowInsecureRequests` is the one non-default: the broker of a test speaks http.
import { createServer } from 'node:http';
import * as client from 'openid-client';

const settings = JSON.parse(process.argv[2]);
const config = await client.discovery(new URL(settings.issuer), settings.clientID, settings.clientSecret, undefined,
  { execute: [client.allowInsecureRequests] });

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const authorize = client.buildAuthorizationUrl(config, {
  redirect_uri: settings.redirectURI,
  scope: settings.scope,
  provider: settings.provider,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
  nonce: expectedNonce,
});

async function redeem(url) {
  const tokens = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  await client.tokenRevocation(config, refreshed.refresh_token);
  const afterRevocation = await client.refreshTokenGrant(config, refreshed.refresh_token).then(() => 'accepted', (err) => err.error);
  const reused = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier, expectedState, expectedNonce }).then(() => 'accepted', (err) => err.error);
  return {
    claims, userinfo, afterRevocation, reused,
    scope: tokens.scope, tokenType: tokens.token_type, expiresIn: tokens.expires_in,
    rotated: refreshed.refresh_token !== tokens.refresh_token,
    refreshedSub: refreshed.claims()?.sub,
    endSession: client.buildEndSessionUrl(config, { post_logout_redirect_uri: settings.postLogoutRedirectURI, id_token_hint: tokens.id_token, state: 'bye' }).href,
  };
}

const { port, origin, pathname } = new URL(settings.redirectURI);
const server = createServer(async (req, res) => {
  const url = new URL(req.url, origin);
  if (url.pathname !== pathname) { res.statusCode = 404; return res.end(); }
  const line = await redeem(url).then((result) => ({ result }), (err) => ({ error: err.code ?? err.name, message: String(err.message), cause: err.cause ?? null }));
  res.end('signed in');
  console.log(JSON.stringify(line));
  server.close();
}).listen(port, '127.0.0.1', () => console.log(JSON.stringify({ open: authorize.href })));
