package session

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
)

const (
	maxSealed = 2048     // bytes of one cookie value, see docs/decisions/0002
	maxTabs   = 4        // transactions one browser may have open
	maxPlain  = 16 << 10 // what inflating a cookie may yield
)

// Stage is the step that a transaction waits for.
type Stage string

const (
	Upstream Stage = "upstream" // the person is at the identity provider
	Ask      Stage = "ask"      // the person fills in a form of ours
	Consent  Stage = "consent"  // the person is asked what the app may have
)

// Transaction is one tab's login on its way. It travels sealed in a cookie of
// its own, so that nobody can make the server store anything before signing in.
type Transaction struct {
	Stage      Stage             `json:"g"`
	Provider   string            `json:"p"`           // slug, which must equal the callback's path
	ProviderID string            `json:"i"`           // internal id the slug had at the start
	State      string            `json:"s"`           // sent upstream; names the cookie
	Nonce      string            `json:"n,omitempty"` // sent upstream
	Verifier   string            `json:"v,omitempty"` // PKCE, RFC 7636
	Prompt     string            `json:"o,omitempty"` // prompt that went upstream
	Hint       string            `json:"h,omitempty"` // subject that id_token_hint named
	SID        string            `json:"d,omitempty"` // at Consent: the session that signed in
	Token      string            `json:"t,omitempty"` // at Ask and Consent: the form's one-time value
	Shown      string            `json:"q,omitempty"` // at Consent: fingerprint of what the page asks for
	Keep       string            `json:"k,omitempty"` // at Ask: what the provider keeps between two forms
	Created    int64             `json:"c"`           // unix seconds
	Reference  string            `json:"f,omitempty"` // of the login, in every record and on every page of it
	Began      int64             `json:"b,omitempty"` // unix milliseconds, of the login
	Walk       string            `json:"w,omitempty"` // the login's steps so far
	Trace      string            `json:"x,omitempty"` // the span that the next request's goes under
	Request    oauth.AuthRequest `json:"r"`
}

// ErrTooLarge means that the app's request does not fit a cookie.
var ErrTooLarge = errors.New("the login transaction does not fit into 2 KiB")

// Key names a transaction in a URL or form: it says which cookie to open, and opens nothing by itself.
func (t *Transaction) Key() string { return key(t.State) }

func key(state string) string { return b64(oauth.Hash("tx", state))[:22] }

// Put seals the transaction into the browser, making room by dropping the oldest.
func (j *Jar) Put(w http.ResponseWriter, r *http.Request, t *Transaction) error {
	plain, err := json.Marshal(t)
	if err != nil {
		return err
	}
	packed, err := pack(plain)
	if err != nil {
		return err
	}
	value := b64(j.sealer.Seal("transaction", []byte(t.Key()), packed))
	if len(value) > maxSealed {
		return ErrTooLarge
	}
	j.evict(w, r, t.Key())
	j.set(w, "tx-"+strconv.FormatInt(t.Created, 36)+"-"+t.Key(), value, int(j.ttl.Seconds()))
	return nil
}

// evict drops the oldest transactions of this browser until one more fits.
func (j *Jar) evict(w http.ResponseWriter, r *http.Request, keep string) {
	var names []string
	for _, c := range r.Cookies() {
		if rest, ok := strings.CutPrefix(c.Name, j.prefix+"tx-"); ok && !strings.HasSuffix(rest, "-"+keep) {
			names = append(names, rest)
		}
	}
	sort.Strings(names) // base36 seconds of equal length: oldest first
	for len(names) >= maxTabs {
		j.set(w, "tx-"+names[0], "", -1)
		names = names[1:]
	}
}

// ByState returns the transaction that this browser began with an upstream state.
// An expired one comes with false, so that its tab can be told to start again.
func (j *Jar) ByState(r *http.Request, state string) (*Transaction, bool) {
	t, ok := j.ByKey(r, key(state))
	if t == nil || t.State != state {
		return nil, false
	}
	return t, ok
}

// ByKey returns the transaction with a key, if this browser holds it and it
// opens; ok is false when it is older than the transaction lifetime.
func (j *Jar) ByKey(r *http.Request, key string) (*Transaction, bool) {
	if len(key) != 22 {
		return nil, false
	}
	for _, c := range r.Cookies() {
		rest, ok := strings.CutPrefix(c.Name, j.prefix+"tx-")
		if !ok || !strings.HasSuffix(rest, "-"+key) || len(c.Value) > maxSealed {
			continue
		}
		t, err := j.open(key, c.Value)
		if err != nil {
			return nil, false
		}
		age := j.now().Sub(time.Unix(t.Created, 0))
		return t, age <= j.ttl && age > -time.Minute
	}
	return nil, false
}

func (j *Jar) open(key, value string) (*Transaction, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return nil, err
	}
	packed, err := j.sealer.Open("transaction", []byte(key), sealed)
	if err != nil {
		return nil, err
	}
	plain, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	var t Transaction
	return &t, json.Unmarshal(plain, &t)
}

// Drop removes a finished transaction from the browser.
func (j *Jar) Drop(w http.ResponseWriter, t *Transaction) {
	j.set(w, "tx-"+strconv.FormatInt(t.Created, 36)+"-"+t.Key(), "", -1)
}

// packers are kept: making one costs more than all else in a login that is not a signature.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return w
}}

var unpackers = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func pack(plain []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func unpack(packed []byte) ([]byte, error) {
	r := unpackers.Get().(io.ReadCloser)
	defer unpackers.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxPlain))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
