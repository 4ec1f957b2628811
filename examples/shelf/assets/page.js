// The page of both apps. It shows; what it shows it gets through its door, the one file in which the two apps differ:
//
//   about                    words on this kind of app
//   arrive()                 → {person, notice}; person is null when nobody is signed in
//   ask(method, path, body)  → {status, body, challenge} of the API, or null when the session is over
//   renew()                  → false when the session is over
//   holds()                  → [[what, where, 'good' or 'bad'], …]
//   signIn(), signOut()      leave the page
//
// Everything is written as text, never as markup; the page's policy would refuse it (Trusted Types).
import * as door from '/door.js';

const $ = (id) => document.getElementById(id);
const make = (tag, text, className = '') => Object.assign(document.createElement(tag), { textContent: text, className });

// show puts a state on the page: somebody is signed in, or nobody is.
async function show({ person, notice }) {
  $('notice').textContent = notice ?? '';
  $('outside').hidden = Boolean(person);
  $('inside').hidden = $('sign-out').hidden = !person;
  $('waiting').hidden = true;
  if (!person) return;
  $('name').textContent = person.name || person.email || person.subject;
  $('initial').textContent = [...$('name').textContent][0]?.toUpperCase() ?? '';
  $('email').textContent = person.email ?? '';
  showHolds();
  await read();
}

function showHolds() {
  $('holds').replaceChildren(...door.holds().map(([what, where, verdict]) => {
    const row = make('div', '', verdict);
    row.append(make('dt', what), make('dd', where));
    return row;
  }));
}

// over is where every path ends that finds no session behind the page any more.
async function over() {
  const now = await door.arrive();
  await show({ ...now, notice: now.person ? 'Somebody signed in anew since this page was opened. Nothing was sent.' : 'Your session has ended. Please sign in again.' });
  if (!now.person) $('sign-in').focus();
}

async function read() {
  const answer = await door.ask('GET', '/items');
  if (!answer) return over();
  showHolds(); // the door may have renewed a token on the way
  if (answer.status !== 200) return tell(answer, '');
  $('items').replaceChildren(...answer.body.items.map((item) => make('li', item)));
}

async function put(event) {
  event.preventDefault();
  const answer = await door.ask('POST', '/items', { name: $('item').value });
  if (!answer) return over();
  tell(answer, `“${answer.body?.added}” is on the shelf.`);
  if (answer.status !== 201) return showHolds();
  $('add').reset();
  await read();
}

// tell says what the API decided, in words and in its own code.
function tell({ status, body, challenge }, done) {
  const allowed = status >= 200 && status < 300;
  const needs = /scope="([^"]*)"/.exec(challenge ?? '')?.[1];
  $('answer').className = `answer ${allowed ? 'good' : 'bad'}`;
  $('answer').replaceChildren(
    make('strong', allowed ? 'Allowed.' : 'Refused.'), ' ',
    allowed ? done : body?.error === 'insufficient_scope' ? `Your token lacks ${needs ?? 'the scope for this'}.` : `${body?.error_description ?? 'The API gave no reason'}.`, ' ',
    make('code', `${status} ${body?.error ?? ''}`.trim()),
  );
}

async function renew() {
  if (!await door.renew()) return over();
  showHolds();
}

// press runs what a button is for, once at a time, and says so when nobody answers.
async function press(button, act) {
  if (button.ariaBusy === 'true') return;
  button.ariaBusy = 'true';
  $('notice').textContent = '';
  try {
    await act();
  } catch (err) {
    console.warn(err);
    $('waiting').hidden = true;
    $('notice').textContent = 'There is no answer. Please try again in a moment.';
  } finally {
    button.ariaBusy = 'false';
  }
}

for (const place of document.querySelectorAll('.kind')) place.textContent = door.about.kind;
$('lead').textContent = door.about.lead;
$('steps').replaceChildren(...door.about.steps.map((step) => make('li', step)));
$('sign-in').onclick = ({ currentTarget }) => press(currentTarget, door.signIn);
$('sign-out').onclick = ({ currentTarget }) => press(currentTarget, door.signOut);
$('renew').onclick = ({ currentTarget }) => press(currentTarget, renew);
$('add').onsubmit = (event) => press($('put'), () => put(event));

// The back button must not bring back what was on the page before somebody signed out.
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); });

await press($('inside'), async () => {
  try {
    await show(await door.arrive());
  } catch (err) {
    if ($('inside').hidden) $('outside').hidden = false;
    throw err;
  }
});
