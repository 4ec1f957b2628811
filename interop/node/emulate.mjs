// Vercel's emulate, as Google or Okta: the vendors' paths, parameters and claims.
//
//   node emulate.mjs '{"service":"okta","port":4520,"clientID":"…","clientSecret":"…","redirectURIs":["…"]}'
//
// Prints one line, {"issuer":…}, when it listens. This version listens on every interface of the machine;
// what happens before the import keeps it on loopback.
import { Server } from 'node:net';

const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  if (args[0] && typeof args[0] === 'object' && 'port' in args[0]) args[0] = { ...args[0], host: '127.0.0.1' };
  else if (typeof args[0] === 'number') typeof args[1] === 'string' ? args[1] = '127.0.0.1' : args.splice(1, 0, '127.0.0.1');
  return listen.apply(this, args);
};
const { createEmulator } = await import('emulate');

const settings = JSON.parse(process.argv[2]);
const client = { client_id: settings.clientID, client_secret: settings.clientSecret, name: 'Handstamp', redirect_uris: settings.redirectURIs };

const seeds = {
  google: {
    users: [
      { email: 'alice@acme.example', name: 'Alice Acme', given_name: 'Alice', family_name: 'Acme', hd: 'acme.example', email_verified: true },
      { email: 'bob@gmail.com', name: 'Bob Private', email_verified: true },
      { email: 'mallory@acme.example', name: 'Mallory', email_verified: false },
    ],
    oauth_clients: [client],
  },
  okta: {
    users: [
      { okta_id: '00ualice0000000000a1', login: 'alice@acme.example', email: 'alice@acme.example', first_name: 'Alice', last_name: 'Acme' },
      { okta_id: '00ubob00000000000a2', login: 'bob@gmail.com', email: 'bob@gmail.com', first_name: 'Bob', last_name: 'Private' },
    ],
    groups: [{ okta_id: '00gengineering000001', name: 'Engineering', type: 'OKTA_GROUP' }],
    group_memberships: [{ group_okta_id: '00gengineering000001', user_okta_id: '00ualice0000000000a1' }],
    authorization_servers: [{ id: 'default', name: 'default', audiences: ['api://default'] }],
    oauth_clients: [{ ...client, auth_server_id: 'default', token_endpoint_auth_method: 'client_secret_basic' }],
  },
};

const { service, port } = settings;
const emulator = await createEmulator({ service, port, seed: { [service]: seeds[service] } });
console.log(JSON.stringify({ issuer: emulator.url + (service === 'okta' ? '/oauth2/default' : '') }));
