package broker

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/session"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// ticket is what an address of TestSignIn carries, sealed.
type ticket struct {
	Provider  string `json:"p"`
	Back      string `json:"b"`
	Reference string `json:"r"`
	Expires   int64  `json:"e"` // unix seconds
}

// ticketLife is how long an administrator has to begin a test.
const ticketLife = 10 * time.Minute

const ticketPurpose = "test sign-in"

// TestSignIn makes an address that signs an administrator in at a provider, also at one
// that is switched off, and leads back to an address below the console's own with
// ?reference=… added. Nothing comes of it but a storage.Login of that reference: no
// session, no user, no code. The address is good for ten minutes and for one try.
func (b *Broker) TestSignIn(slug, back string) (to, reference string, err error) {
	dir := b.dir.Load()
	switch p, ok := dir.Provider(slug); {
	case !ok:
		return "", "", fmt.Errorf("there is no provider %s", slug)
	case dir.Upstreams[p.Slug] == nil:
		return "", "", fmt.Errorf("provider %s is not running", slug)
	case b.admin == nil || b.journal == nil:
		return "", "", errors.New("this broker has no console to lead back to")
	case !below(b.admin.Base, back):
		return "", "", errors.New("a test sign-in leads back to the console and nowhere else")
	}
	t := ticket{Provider: slug, Back: back, Reference: rand.Text()[:16], Expires: b.now().Add(ticketLife).Unix()}
	plain, err := json.Marshal(t)
	if err != nil {
		return "", "", err
	}
	sealed := base64.RawURLEncoding.EncodeToString(b.sealer.Seal(ticketPurpose, []byte(b.name), plain))
	return b.path("/test?ticket=" + sealed), t.Reference, nil
}

// below tells whether an address lies at or under a base.
func below(base, address string) bool {
	u, err := url.Parse(address)
	home, herr := url.Parse(base)
	if err != nil || herr != nil || home.Host == "" || len(address) > 512 || !oauth.CleanText(address) || strings.ContainsAny(address, "\\#") {
		return false
	}
	clean := path.Clean("/" + u.Path)
	root := strings.TrimSuffix(home.Path, "/")
	return u.Scheme == home.Scheme && u.Host == home.Host && u.User == nil && u.RawPath == "" && (u.Path == "" || u.Path == clean || u.Path == clean+"/") &&
		(root == "" || clean == root || strings.HasPrefix(clean, root+"/"))
}

const deadTicket = "This test was begun before, or its link is too old. Please begin another one in the console."

// testSignIn begins a test: like any login it goes on in this tab's sealed cookie.
func (b *Broker) testSignIn(c *gin.Context) error {
	if prefetch(c) {
		return nil
	}
	t, err := b.openTicket(c.Query("ticket"))
	if err != nil {
		return refuse(http.StatusBadRequest, deadTicket, err)
	}
	v := &visit{dir: b.dir.Load(), client: testClient, request: &oauth.AuthRequest{Place: oauth.PlaceTest, RedirectURI: t.Back, Prompt: []string{"select_account"}}}
	p, ok := v.dir.Provider(t.Provider)
	if !ok {
		return refuse(http.StatusBadRequest, deadTicket, reason("the provider of the test is gone"))
	}
	if !b.spent.take(ticketPurpose + " " + t.Reference) {
		return refuse(http.StatusBadRequest, deadTicket, reason("the test was begun before"))
	}
	rec(c).reference = t.Reference
	return b.toUpstream(c, v, p)
}

func (b *Broker) openTicket(raw string) (*ticket, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(raw)
	if err != nil || len(raw) > 2048 {
		return nil, reason("the ticket is malformed")
	}
	plain, err := b.sealer.Open(ticketPurpose, []byte(b.name), sealed)
	if err != nil {
		return nil, err
	}
	var t ticket
	if err := json.Unmarshal(plain, &t); err != nil {
		return nil, err
	}
	if b.now().Unix() > t.Expires {
		return nil, reason("the ticket is older than ten minutes")
	}
	return &t, nil
}

// testClient is what pages call the app where there is none.
var testClient = &directory.Client{ID: directory.AdminClient, Name: "the console, as a test"}

// tests tells whether a visit is a test: it asks a provider who somebody is, and
// whatever the answer, nobody is signed in.
func (v *visit) tests() bool { return v.request.Place == oauth.PlaceTest }

// tested ends a test sign-in: the trace is kept before the browser goes back to read it.
func (b *Broker) tested(c *gin.Context, v *visit, p *directory.Provider, tx *session.Transaction, id *providers.Identity) error {
	t := rec(c).trace
	t.recognised(unknown(p, id), id.Subject)
	t.step(b.now(), storage.StepRecognised, "")
	b.ended(c, storage.LoginTest, "", nil)
	return b.backFromTest(c, &tx.Request)
}

// testFailed ends one at which the provider, or what it said, failed: the administrator
// is told what an operator would read in the log.
func (b *Broker) testFailed(c *gin.Context, be *backError) error {
	note(c, be.err.Code, be.err)
	b.ended(c, storage.LoginTest, be.err.Code, rec(c).cause)
	return b.backFromTest(c, be.request)
}

func (b *Broker) backFromTest(c *gin.Context, r *oauth.AuthRequest) error {
	if err := b.journal.Flush(c.Request.Context()); err != nil {
		return unavailable(err)
	}
	to, err := url.Parse(r.RedirectURI)
	if err != nil {
		return err
	}
	q := to.Query()
	q.Set("reference", rec(c).reference)
	to.RawQuery = q.Encode()
	redirect(c, to.String())
	return nil
}
