// A web app with Auth0's express-openid-connect: every page needs a sign-in, answers come by form_post, and logout tokens are taken.
//
//   node express-openid-connect.mjs '{"issuer":"https://…","app":"http://localhost:…","clientID":"…","clientSecret":"…","secret":"…"}'
//
// Prints {"listening":true}. Its own default, response_type=id_token, is the implicit flow; with `code` it is what its documents show
// for apps that call APIs. `"implicit":true` leaves that default as it is.
import express from 'express';
import openid from 'express-openid-connect';

const settings = JSON.parse(process.argv[2]);

// What express-session's stores have in common: express-openid-connect notes there who was signed out.
const noted = new Map();
const store = {
  get: (key, done) => done(null, noted.get(key)),
  set: (key, value, done) => { noted.set(key, value); done(null); },
  destroy: (key, done) => { noted.delete(key); done(null); },
};

const app = express();
app.use(openid.auth({
  issuerBaseURL: settings.issuer,
  baseURL: settings.app,
  clientID: settings.clientID,
  secret: settings.secret,
  idpLogout: true,
  backchannelLogout: { store },
  ...(settings.implicit ? {} : { clientSecret: settings.clientSecret, authorizationParams: { response_type: 'code', response_mode: 'form_post' } }),
}));
app.get('/', (req, res) => res.send(`hello ${req.oidc.user.name}, ${req.oidc.user.email}`));
app.use((err, req, res, next) => { res.status(err.status ?? 500).send(`app error: ${err.error ?? ''} ${err.message}`); });
app.listen(new URL(settings.app).port, '127.0.0.1', () => console.log(JSON.stringify({ listening: true })));
