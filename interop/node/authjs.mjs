// A web app with Auth.js, which is told an issuer, an id and a secret, and no more: what it leaves out is what its documents leave out.
//
//   node authjs.mjs '{"issuer":"https://…","app":"http://localhost:…","clientID":"…","clientSecret":"…","secret":"…"}'
//
// Prints {"listening":true}. /auth/signin is Auth.js's own page, /auth/session what it knows of who is here. The second way to sign in is
// the first with every check that Auth.js knows: its `state` is a sealed token of some hundred characters.
import express from 'express';
import { ExpressAuth } from '@auth/express';

const settings = JSON.parse(process.argv[2]);
const handstamp = { id: 'handstamp', name: 'Handstamp', type: 'oidc', issuer: settings.issuer, clientId: settings.clientID, clientSecret: settings.clientSecret };
const app = express();
app.use('/auth', ExpressAuth({
  secret: settings.secret,
  providers: [handstamp, { ...handstamp, id: 'checked', name: 'Handstamp with every check', checks: ['pkce', 'state', 'nonce'] }],
}));
app.get('/', (req, res) => res.send('home'));
app.listen(new URL(settings.app).port, '127.0.0.1', () => console.log(JSON.stringify({ listening: true })));
