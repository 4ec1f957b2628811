// Machines with openid-client: a job that proves itself by a key it publishes, and an API with a secret that asks about tokens.
//
//   node machine.mjs '{"issuer":"…","app":"http://localhost:…","keyClient":"nightly","secretClient":"items-api","secret":"…","scope":"items:read","personToken":"…"}'
//
// Serves the job's keys at app + "/jwks.json", does everything, and prints {"result":…}. Nothing is set beyond the defaults but
// `allowInsecureRequests`: the broker of a test speaks http.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';

const settings = JSON.parse(process.argv[2]);
const issuer = new URL(settings.issuer);
const insecure = { execute: [client.allowInsecureRequests] };

// The key set grows and shrinks as a client's does that changes its key.
let published = [];
let fetched = 0;
const server = createServer((req, res) => {
  fetched++;
  res.setHeader('Content-Type', 'application/jwk-set+json');
  res.end(JSON.stringify({ keys: published }));
});
await new Promise((done) => server.listen(new URL(settings.app).port, '127.0.0.1', done));

async function newKey(alg, kid) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { key: privateKey, kid, jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } };
}

const told = (promise) => promise.then(() => 'accepted', (err) => err.error ?? err.status ?? err.code);

async function all() {
  const keys = await Promise.all([newKey('ES256', 'ec'), newKey('RS256', 'rsa'), newKey('PS256', 'pss'), newKey('Ed25519', 'ed')]);
  published = keys.map(({ jwk }) => jwk);
  const byKey = {};
  let tokens;
  for (const { key, kid } of keys) {
    const config = await client.discovery(issuer, settings.keyClient, undefined, client.PrivateKeyJwt({ key, kid }), insecure);
    tokens = await client.clientCredentialsGrant(config, { scope: settings.scope });
    byKey[kid] = { tokenType: tokens.token_type, scope: tokens.scope, expiresIn: tokens.expires_in, refresh: tokens.refresh_token ?? null };
  }
  const job = await client.discovery(issuer, settings.keyClient, undefined, client.PrivateKeyJwt(keys[0]), insecure);
  const post = await client.discovery(issuer, settings.secretClient, settings.secret, undefined, insecure);
  const basic = await client.discovery(issuer, settings.secretClient, undefined, client.ClientSecretBasic(settings.secret), insecure);
  const stranger = await client.discovery(issuer, settings.keyClient, undefined, client.PrivateKeyJwt({ ...await newKey('ES256', 'ec') }), insecure);

  const result = {
    byKey,
    fetched,
    own: await client.tokenIntrospection(job, tokens.access_token),
    byAPI: await client.tokenIntrospection(post, tokens.access_token),
    person: await client.tokenIntrospection(basic, settings.personToken),
    personForJob: await client.tokenIntrospection(job, settings.personToken),
    secretMachine: (await client.clientCredentialsGrant(basic)).scope,
    widened: await told(client.clientCredentialsGrant(job, { scope: `${settings.scope} openid` })),
    elsewhere: await told(client.clientCredentialsGrant(job, { resource: settings.elsewhere })),
    stranger: await told(client.clientCredentialsGrant(stranger)),
    foreignRevocation: await told(client.tokenRevocation(post, tokens.access_token)),
    accessToken: tokens.access_token,
  };
  await client.tokenRevocation(job, tokens.access_token);
  result.revoked = await client.tokenIntrospection(post, tokens.access_token);
  return result;
}

const line = await all().then((result) => ({ result }), (err) => ({ error: err.code ?? err.name, message: String(err.message), cause: err.cause ?? null }));
console.log(JSON.stringify(line));
server.close();
server.closeAllConnections();
