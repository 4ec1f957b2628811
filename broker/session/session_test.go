package session

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

func jar(t testing.TB, issuer string, now func() time.Time) *Jar {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		t.Fatal(err)
	}
	return NewJar(u, sealer, 10*time.Minute, now)
}

// carried is a request with the cookies that answers set, as a browser would send it.
func carried(answers ...*httptest.ResponseRecorder) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	held := map[string]string{}
	for _, a := range answers {
		for _, c := range a.Result().Cookies() {
			held[c.Name] = c.Value
			if c.MaxAge < 0 {
				delete(held, c.Name)
			}
		}
	}
	for name, value := range held {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func transaction(created time.Time) *Transaction {
	return &Transaction{Stage: Upstream, Provider: "google", State: oauth.NewSecret(), Nonce: oauth.NewSecret(), Verifier: oauth.NewSecret(), Created: created.Unix(),
		Request: oauth.AuthRequest{ClientID: "web", RedirectURI: "https://app.example/cb", State: "s", Scopes: []string{"openid"}}}
}

func TestS02_TheNamesOfCookiesSayHowStrictTheyAre(t *testing.T) {
	for issuer, want := range map[string]string{"https://sso.example": "__Host-hs-sid", "http://127.0.0.1:5555": "hs5555-sid"} {
		w := httptest.NewRecorder()
		jar(t, issuer, time.Now).SetSession(w, oauth.NewSecret(), time.Now().Add(time.Hour))
		c := w.Result().Cookies()[0]
		if c.Name != want || c.Secure != strings.HasPrefix(issuer, "https") || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: %s", issuer, c.Raw)
		}
	}
}

func TestATransactionComesBackOnlyToItsBrowserInItsTime(t *testing.T) {
	now := time.Now()
	j := jar(t, "https://sso.example", func() time.Time { return now })
	tx, w := transaction(now), httptest.NewRecorder()
	if err := j.Put(w, carried(), tx); err != nil {
		t.Fatal(err)
	}
	if got, ok := j.ByState(carried(w), tx.State); !ok || got.Verifier != tx.Verifier || got.Request.RedirectURI != tx.Request.RedirectURI {
		t.Fatalf("got %+v, %v", got, ok)
	}
	if got, _ := j.ByState(carried(), tx.State); got != nil {
		t.Error("a browser without the cookie has a transaction")
	}
	if got, _ := j.ByState(carried(w), oauth.NewSecret()); got != nil {
		t.Error("another state opens it")
	}
	if raw := w.Result().Cookies()[0].Value; strings.Contains(raw, tx.Verifier) || strings.Contains(raw, tx.State) {
		t.Error("the cookie is not sealed")
	}
	now = now.Add(11 * time.Minute)
	if got, ok := j.ByState(carried(w), tx.State); ok || got == nil {
		t.Error("an old transaction must come back as expired")
	}
	done := httptest.NewRecorder()
	j.Drop(done, tx)
	if got, _ := j.ByState(carried(w, done), tx.State); got != nil {
		t.Error("a dropped transaction is still there")
	}
}

func TestASealedCookieUnderAnotherNameDoesNotOpen(t *testing.T) {
	j := jar(t, "https://sso.example", time.Now)
	one, two := transaction(time.Now()), transaction(time.Now())
	w1, w2 := httptest.NewRecorder(), httptest.NewRecorder()
	if err := j.Put(w1, carried(), one); err != nil {
		t.Fatal(err)
	}
	if err := j.Put(w2, carried(), two); err != nil {
		t.Fatal(err)
	}
	r := carried()
	r.AddCookie(&http.Cookie{Name: w1.Result().Cookies()[0].Name, Value: w2.Result().Cookies()[0].Value})
	if got, _ := j.ByState(r, one.State); got != nil {
		t.Error("two transactions could be swapped")
	}
}

func TestS18_ABrowserHoldsFourTransactionsOfAtMost2KiB(t *testing.T) {
	now := time.Now()
	j := jar(t, "https://sso.example", func() time.Time { return now })
	var answers []*httptest.ResponseRecorder
	var all []*Transaction
	for range 6 {
		tx, w := transaction(now), httptest.NewRecorder()
		if err := j.Put(w, carried(answers...), tx); err != nil {
			t.Fatal(err)
		}
		answers, all = append(answers, w), append(all, tx)
		now = now.Add(time.Second)
	}
	r := carried(answers...)
	for i, tx := range all {
		if got, _ := j.ByState(r, tx.State); (got != nil) != (i >= 2) {
			t.Errorf("transaction %d of 6: %v", i, got != nil)
		}
	}
	large := transaction(now)
	for range 60 {
		large.Request.Resources = append(large.Request.Resources, "https://"+oauth.NewSecret())
	}
	if err := j.Put(httptest.NewRecorder(), r, large); err != ErrTooLarge {
		t.Errorf("a transaction beyond 2 KiB: %v", err)
	}
}

func FuzzASealedCookie(f *testing.F) {
	j := jar(f, "https://sso.example", time.Now)
	tx, w := transaction(time.Now()), httptest.NewRecorder()
	if err := j.Put(w, carried(), tx); err != nil {
		f.Fatal(err)
	}
	honest := w.Result().Cookies()[0]
	f.Add(honest.Value)
	f.Add("")
	f.Add(honest.Value[1:])
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", honest.Name+"="+value)
		if got, _ := j.ByState(r, tx.State); got != nil && r.CookiesNamed(honest.Name)[0].Value != honest.Value {
			t.Errorf("%q opens", value)
		}
	})
}
