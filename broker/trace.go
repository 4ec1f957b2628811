package broker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/storage"
)

// trace is what one login leaves behind for whoever asks "why?": what happened when,
// what upstream said, and what was decided. Requests only point at what they have at
// hand; the journal makes words of it, after the person has their answer. A nil trace
// takes everything and keeps nothing.
type trace struct {
	began    time.Time
	steps    []storage.LoginStep
	client   string
	ip       string
	agent    string
	visit    *visit // nil where not even the request could be read
	who      *grant.Subject
	subject  string // upstream
	decided  *grant.Decided
	judged   bool // the rules were asked and it came to a refusal: tell why
	grantID  string
	outcome  string // "": the login goes on in another request
	code     string
	cause    error
	provider string
	waits    bool     // for an answer at the consent page, which will say what became of it
	over     bool     // the journal has it, and nobody may change it any more
	secrets  []string // of this sign-in: an upstream may say them back
}

// mostSteps bounds a login that never ends: each wrong password is two of them.
const mostSteps = 40

// traced returns the trace of the login that a request belongs to, or nil.
func traced(ctx context.Context) *trace {
	if r, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		return r.trace
	}
	return nil
}

// begin starts the trace of a login: the client is known, so that nobody fills the book
// with logins at apps that do not exist.
func (b *Broker) begin(c *gin.Context, client string) *trace {
	r := rec(c)
	if b.journal == nil && !b.tel.measures() || r.trace != nil {
		return r.trace
	}
	r.trace = &trace{began: r.began, client: client, ip: c.ClientIP(), agent: c.Request.UserAgent(), steps: make([]storage.LoginStep, 0, 12)}
	return r.trace
}

// resume makes a request part of the login whose transaction it brought: it has the
// login's reference from here on.
func (b *Broker) resume(c *gin.Context, tx *session.Transaction) {
	r := rec(c)
	if tx.Reference != "" {
		r.reference = tx.Reference
	}
	b.follow(c, tx.Trace)
	if t := b.begin(c, tx.Request.ClientID); t != nil {
		t.began, t.steps, t.provider = time.UnixMilli(tx.Began), unwalk(t.steps, tx.Walk), tx.Provider
	}
}

// carry puts what the next request of a login needs into its transaction.
func (b *Broker) carry(c *gin.Context, tx *session.Transaction) {
	r := rec(c)
	tx.Reference, tx.Trace = r.reference, b.tel.carried(r)
	if r.trace != nil {
		tx.Began, tx.Walk = r.trace.began.UnixMilli(), walk(r.trace.steps)
	}
}

// aside says that a request is no step of the login it belongs to: a copy of one that was
// answered before, or a question that has no answer by itself.
func aside(c *gin.Context) { rec(c).trace = nil }

// hides names values that must not be kept, wherever they come back from.
func (t *trace) hides(secrets ...string) {
	if t != nil {
		t.secrets = secrets
	}
}

func (t *trace) step(now time.Time, what, note string) {
	if t != nil && !t.over && len(t.steps) < mostSteps {
		t.steps = append(t.steps, storage.LoginStep{After: now.Sub(t.began).Milliseconds(), What: what, Note: note})
	}
}

func (t *trace) visits(v *visit) {
	if t != nil {
		t.visit, t.client = v, v.client.ID
	}
}

// recognised notes whom the login is about, as far as that is known by now.
func (t *trace) recognised(who *grant.Subject, subject string) {
	if t != nil {
		t.who, t.subject, t.provider = who, subject, who.Provider.Slug
	}
}

func (t *trace) decides(d *grant.Decided) {
	if t != nil {
		t.decided, t.judged = d, d == nil
	}
}

// wait says that the login goes on with another request: it is counted then.
func (t *trace) wait() {
	if t != nil {
		t.waits = true
	}
}

// ends says what became of the login.
func (t *trace) ends(now time.Time, outcome, code string, cause error) {
	if t == nil || t.over {
		return
	}
	t.outcome, t.code, t.cause = outcome, code, cause
	if code != "" {
		t.step(now, storage.StepRefused, code)
	}
}

// ended says what became of the login and hands it to the journal, before the answer is
// sent: whoever has the reference can look it up.
func (b *Broker) ended(c *gin.Context, outcome, code string, cause error) {
	r := rec(c)
	r.trace.ends(b.now(), outcome, code, cause)
	b.journalise(r)
}

// failed is ended for an error that the app or the person is told.
func (b *Broker) failed(c *gin.Context, status int, code string, cause error) {
	outcome := storage.LoginRefused
	if status >= http.StatusInternalServerError || code == oauth.ServerError || code == oauth.TemporarilyUnavailable {
		outcome = storage.LoginFailed
	}
	if code == "" {
		code = strconv.Itoa(status)
	}
	b.ended(c, outcome, code, cause)
}

// journalise hands a login that came to an end to the journal.
func (b *Broker) journalise(r *recorder) {
	t := r.trace
	if t == nil || t.outcome == "" || t.over || b.journal == nil {
		return
	}
	now := b.now()
	reference, took := r.reference, now.Sub(t.began)
	if t.provider == "" {
		t.provider = r.provider
	}
	t.over = true
	b.journal.put(now, t.subject == "" && t.outcome != storage.LoginTest, func() storage.Login { return t.login(reference, took) })
}

// login makes the row of a trace. It runs in the journal.
func (t *trace) login(reference string, took time.Duration) storage.Login {
	client := t.client
	if t.outcome == storage.LoginTest {
		client = "" // nobody asked for it
	}
	l := storage.Login{Reference: reference, At: t.began, Took: took, ClientID: client, Provider: t.provider, Subject: t.subject, Outcome: t.outcome,
		Code: t.code, IP: t.ip, Device: session.Device(t.agent)}
	if t.cause != nil {
		l.Cause = hide(t.secrets).clean(door.Cut(t.cause.Error()))
	}
	if v := t.visit; v != nil {
		l.Snapshot, l.Revision, l.Asked = v.dir.Version(), v.dir.Revision, v.request.Scopes
		if p, ok := v.dir.Provider(t.provider); ok {
			l.ProviderID = p.InternalID
		}
	}
	if who := t.who; who != nil {
		l.UserID, l.Person, l.Claims = who.User.ID, personOf(who.User), redacted(who.Claims, t.secrets)
		if !who.New || who.User.ID != "" {
			l.UserSubject = who.User.Subject
		}
	}
	if d := t.decided; d != nil {
		l.Scopes, l.Roles, l.Trace = d.Scopes, d.Roles, d.Trace
	}
	if t.judged || t.decided != nil && t.decided.Errored {
		t.explain(&l)
	}
	steps := slices.Clip(t.steps)
	if out := leftOut(l.Asked, t.decided); len(out) > 0 {
		steps = append(steps, storage.LoginStep{After: took.Milliseconds(), What: storage.StepLeftOut, Note: strings.Join(out, " ")})
	}
	l.Steps, _ = json.Marshal(steps) // texts and numbers always marshal
	return l
}

// explain asks the rules once more, this time for their reasons.
func (t *trace) explain(l *storage.Login) {
	if t.visit == nil || t.who == nil {
		return
	}
	d := t.visit.dir.Rules().Explain(grant.Question(t.visit.client, *t.who))
	if i := slices.IndexFunc(d.Trace, func(s mapping.Step) bool { return s.Deny }); i >= 0 && t.judged {
		l.Rule = d.Trace[i].Rule
	}
	l.Trace = told(d.Trace)
	if hide(t.secrets).repeated(l.Trace) {
		l.Trace = nil // a rule looked at a secret of this sign-in: better no reasons
	}
}

// mostTold bounds what one login keeps of the rules' reasons.
const mostTold = 64 << 10

// told is the rules' reasons as JSON: all, or where that is too much those that did
// something, or the first of them.
func told(steps []mapping.Step) []byte {
	for len(steps) > 0 {
		b, err := json.Marshal(steps)
		if err == nil && len(b) <= mostTold {
			return b
		}
		did := slices.DeleteFunc(slices.Clone(steps), func(s mapping.Step) bool { return !s.Matched && !s.Errored && !s.Deny })
		if len(did) == len(steps) {
			did = did[:len(did)/2]
		}
		steps = did
	}
	return nil
}

// leftOut lists the scopes that were asked for and not given.
func leftOut(asked []string, d *grant.Decided) []string {
	if d == nil {
		return nil
	}
	return less(asked, d.Scopes)
}

// less are the entries of a list that another does not have.
func less(list, of []string) []string {
	if len(list) == len(of) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(of, s) })
}

func personOf(u storage.User) string {
	if u.Email != "" {
		return u.Email
	}
	return u.Name
}

// referred is an error_description with the login's reference, so that whoever reads it
// to somebody who can look it up is understood. An app's own mistake needs none: its
// developer reads the words.
func (b *Broker) referred(c *gin.Context, e *oauth.Error) string {
	switch e.Code {
	case oauth.AccessDenied, oauth.ServerError, oauth.TemporarilyUnavailable, oauth.LoginRequired:
	default:
		return e.Description
	}
	if errors.Is(e.Cause, nobodyHere) {
		return e.Description
	}
	suffix, description := " (reference "+rec(c).reference+")", e.Description
	return description[:min(len(description), 512-len(suffix))] + suffix
}

// nobodyHere is the answer to every silent question about somebody who is not signed in:
// no login began, so there is nothing to look up.
const nobodyHere = reason("no session in this browser that fits")

// letters are the steps as a transaction has them: a letter, and milliseconds in base 36.
var letters = []string{storage.StepAsked, storage.StepSession, storage.StepProvider, storage.StepSent, storage.StepBack, storage.StepRecognised,
	storage.StepRules, storage.StepAdmitted, storage.StepConsent, storage.StepAgreed}

// walk writes steps down in a few bytes; notes are left out.
func walk(steps []storage.LoginStep) string {
	var out []byte
	for _, s := range steps {
		if i := slices.Index(letters, s.What); i >= 0 {
			out = strconv.AppendInt(append(out, byte('A'+i)), s.After, 36)
		}
	}
	return string(out)
}

func unwalk(steps []storage.LoginStep, s string) []storage.LoginStep {
	for s != "" && len(steps) < mostSteps {
		end := strings.IndexFunc(s[1:], func(c rune) bool { return c >= 'A' && c <= 'Z' }) + 1
		if end == 0 {
			end = len(s)
		}
		after, err := strconv.ParseInt(s[1:end], 36, 64)
		if i := int(s[0]) - 'A'; err == nil && i >= 0 && i < len(letters) {
			steps = append(steps, storage.LoginStep{After: after, What: letters[i]})
		}
		s = s[end:]
	}
	return steps
}
