// An API in Node that trusts the broker's access tokens with jose: keys from the broker, everything else by its own word.
//
//   node jose.mjs '{"issuer":"…","jwksURI":"…","audience":"…","token":"…"}'
//
// Prints {"header":…,"payload":…} for a good token, or {"error":CODE,"claim":NAME} for one that it refuses.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { issuer, jwksURI, audience, token } = JSON.parse(process.argv[2]);
const keys = createRemoteJWKSet(new URL(jwksURI));
const line = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'] }).then(
  ({ protectedHeader, payload }) => ({ header: protectedHeader, payload }),
  (err) => ({ error: err.code, claim: err.claim ?? '' }),
);
console.log(JSON.stringify(line));
