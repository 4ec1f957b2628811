// The documentation page: Swagger UI, and what its Authorize button needs to sign in where pages are careful.
'use strict';
const root = document.getElementById('swagger-ui');
const settings = JSON.parse(root.dataset.settings);

const random = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24)))).replaceAll('+', '-').replaceAll('/', '_');

// Sign-ins that were begun here and not answered yet, by state.
const pending = new Map();
const channel = new BroadcastChannel(`apidocs ${settings.redirect}`);
channel.onmessage = ({ data }) => {
  const answer = new URLSearchParams(data);
  const begun = pending.get(answer.get('state'));
  if (!begun) return; // of another tab
  pending.delete(answer.get('state'));
  channel.postMessage('taken');
  const refuse = (message) => begun.errCb({ authId: begun.auth.name, source: 'auth', level: 'error', message });
  if (settings.issuer && answer.get('iss') !== settings.issuer) return refuse('The answer did not come from the issuer that was asked (RFC 9207).');
  if (!answer.get('code')) return refuse(`${answer.get('error') ?? 'no code'}: ${answer.get('error_description') ?? 'the server gave no reason'}`);
  begun.auth.code = answer.get('code');
  begun.callback({ auth: begun.auth, redirectUrl: begun.redirectUrl });
};

const handWork = () => ({
  wrapComponents: {
    // The dialog begins at its first part, and not at the first box in it that takes a name and a password.
    Input: (Original, { React }) => ({ autoFocus, ...rest }) => React.createElement(Original, rest),
  },
  statePlugins: {
    auth: {
      wrapActions: {
        // Swagger UI's own state is the time of day, and its window answers through window.opener; see redirect.js.
        authPopup: () => (address, begun) => {
          const to = new URL(address, location.href);
          begun.state = random();
          to.searchParams.set('state', begun.state);
          pending.set(begun.state, begun);
          window.open(to, '_blank');
        },
      },
    },
    spec: {
      wrapSelectors: {
        // What answers with a page for people is to be opened, not called.
        allowTryItOutFor: () => (_, path, method) => !settings.callable?.length || settings.callable.includes(`${method.toUpperCase()} ${path}`),
      },
    },
  },
});

// forMachines keeps the scopes that a machine can have: those ticked in advance are ticked for every way to authorize.
function forMachines(scope) {
  const schemes = ui.specSelectors.specJson().toJS().components?.securitySchemes ?? {};
  const known = Object.values(schemes).flatMap((scheme) => Object.keys(scheme.flows?.clientCredentials?.scopes ?? {}));
  return (scope ?? '').split(' ').filter((one) => known.includes(one)).join(' ');
}

// careful looks at every request of Swagger UI, those of Authorize as well.
function careful(request) {
  request.credentials = 'omit'; // tokens count here, and no cookie
  delete request.headers?.['X-Requested-With']; // says nothing, and would need every server's leave (CORS)
  if (typeof request.body === 'string' && request.body.startsWith('grant_type=')) {
    const form = new URLSearchParams(request.body);
    if (['', 'undefined'].includes(form.get('client_secret'))) form.delete('client_secret'); // a public client has none
    if (form.get('grant_type') === 'client_credentials') form.set('scope', forMachines(form.get('scope')));
    request.body = form.toString();
  }
  return request;
}

const ui = SwaggerUIBundle({
  url: settings.document,
  domNode: root,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [handWork],
  layout: 'BaseLayout',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // no other host is asked for anything
  persistAuthorization: false, // tokens live in this page's memory and end with it
  oauth2RedirectUrl: location.origin + settings.redirect,
  requestInterceptor: careful,
});
ui.initOAuth({ clientId: settings.clientId, scopes: settings.scopes ?? [], usePkceWithAuthorizationCodeGrant: true });
