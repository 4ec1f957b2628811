package session

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Farewell is a sign-out that leads by way of the identity provider: where the person
// goes when they come back from there. Like a login's transaction it travels sealed;
// a browser has one at a time.
type Farewell struct {
	Client  string `json:"c,omitempty"` // the app that asked, or ""
	Back    string `json:"b,omitempty"` // its post_logout_redirect_uri, or ""
	State   string `json:"s,omitempty"` // the app's state
	Mark    string `json:"m"`           // our state at the provider
	Created int64  `json:"t"`           // unix seconds
}

const farewell = "farewell"

// PutFarewell seals a farewell into the browser.
func (j *Jar) PutFarewell(w http.ResponseWriter, f *Farewell) error {
	plain, err := json.Marshal(f)
	if err != nil {
		return err
	}
	value := b64(j.sealer.Seal(farewell, []byte(farewell), plain))
	if len(value) > maxSealed {
		return ErrTooLarge
	}
	j.set(w, farewell, value, int(j.ttl.Seconds()))
	return nil
}

// TakeFarewell returns the browser's farewell and takes it away. Providers that drop
// state bring none; a state that is another one is not believed.
func (j *Jar) TakeFarewell(w http.ResponseWriter, r *http.Request, states []string) (*Farewell, bool) {
	cookies := r.CookiesNamed(j.prefix + farewell)
	if len(cookies) != 1 || len(cookies[0].Value) > maxSealed || len(states) > 1 {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookies[0].Value)
	if err != nil {
		return nil, false
	}
	plain, err := j.sealer.Open(farewell, []byte(farewell), sealed)
	if err != nil {
		return nil, false
	}
	var f Farewell
	if json.Unmarshal(plain, &f) != nil {
		return nil, false
	}
	if len(states) == 1 && subtle.ConstantTimeCompare([]byte(states[0]), []byte(f.Mark)) != 1 {
		return nil, false
	}
	j.set(w, farewell, "", -1)
	age := j.now().Sub(time.Unix(f.Created, 0))
	return &f, age <= j.ttl && age > -time.Minute
}
