package console

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"
)

// session is what the browser carries for us, sealed: it can neither read it nor change it.
type session struct {
	ID      string    `json:"i"`           // of this sign-in; never leaves the seal
	Sub     string    `json:"s,omitempty"` // "" in a session by link
	Access  string    `json:"a"`
	Refresh string    `json:"r,omitempty"`
	IDToken string    `json:"t,omitempty"`
	Expires time.Time `json:"e"` // of the access token
	Ends    time.Time `json:"x"` // of the session, whatever is renewed
	Link    bool      `json:"l,omitempty"`
}

// formToken is the hidden field of every form: it is bound to this session by the id
// that only the sealed cookie holds.
func (s *session) formToken() string {
	sum := sha256.Sum256([]byte("handstamp console form " + s.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *session) formTokenOK(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.formToken())) == 1
}

const csrfField = "_form"

// jar reads and writes the console's cookies. On https their names carry the __Host-
// prefix; on loopback http the port, since all ports of a host share one jar.
type jar struct {
	prefix string
	secure bool
	sealer Sealer
	now    func() time.Time
}

func newJar(u *url.URL, sealer Sealer, now func() time.Time) *jar {
	j := &jar{prefix: "__Host-hs-console", secure: u.Scheme == "https", sealer: sealer, now: now}
	if !j.secure {
		j.prefix = "hs" + u.Port() + "-console"
	}
	return j
}

// session returns the session that a browser carries, or nil. Two different copies
// count as none: one of them was planted.
func (j *jar) session(r *http.Request) *session {
	var s session
	if !j.open(r, "", &s) || s.ID == "" || !j.now().Before(s.Ends) {
		return nil
	}
	return &s
}

func (j *jar) setSession(w http.ResponseWriter, s *session) bool {
	return j.seal(w, "", s, s.Ends.Sub(j.now()))
}

func (j *jar) clear(w http.ResponseWriter, name string) { j.set(w, name, "", -1) }

func (j *jar) setFlash(w http.ResponseWriter, note string) {
	j.seal(w, "-note", words(note, 400), time.Minute)
}

// takeFlash takes what the page before wanted to say, once.
func (j *jar) takeFlash(w http.ResponseWriter, r *http.Request) (note string) {
	if j.open(r, "-note", &note) {
		j.clear(w, "-note")
	}
	return note
}

// seal writes a cookie; false where it is too large for browsers.
func (j *jar) seal(w http.ResponseWriter, name string, value any, life time.Duration) bool {
	plain, err := json.Marshal(value)
	if err != nil {
		return false
	}
	var small bytes.Buffer
	z, _ := flate.NewWriter(&small, flate.BestCompression) // fails only for levels that do not exist
	_, _ = z.Write(plain)
	_ = z.Close() // into memory
	text := base64.RawURLEncoding.EncodeToString(j.sealer.Seal("console", []byte(j.prefix+name), small.Bytes()))
	if len(text) > 3900 {
		return false
	}
	j.set(w, name, text, int(life.Seconds()))
	return true
}

func (j *jar) open(r *http.Request, name string, value any) bool {
	text := ""
	for _, c := range r.CookiesNamed(j.prefix + name) {
		if text != "" && c.Value != text {
			return false
		}
		text = c.Value
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || text == "" {
		return false
	}
	small, err := j.sealer.Open("console", []byte(j.prefix+name), sealed)
	if err != nil {
		return false
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(small)), 64<<10))
	return err == nil && json.Unmarshal(plain, value) == nil
}

func (j *jar) set(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: j.prefix + name, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode})
}
