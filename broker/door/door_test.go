package door

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestA18_OnlyOneSpellingOfAnAddress(t *testing.T) {
	for _, row := range []struct {
		address string
		ok      bool
	}{
		{"/", true}, {"/users/u-1", true}, {"/rules/no%20guests", true}, // a space has to be escaped
		{"/a/../users", false}, {"//users", false}, {"/users/", false}, {"/./users", false}, {"/users;x=1", false}, {`/users\x`, false},
		{"/%75sers", false}, {"/users%2fx", false}, {"/users%2Fx", false}, {"/users%00", true}, {"", false},
	} {
		u, err := url.ParseRequestURI("http://x.example" + row.address)
		if err != nil {
			t.Fatal(err)
		}
		if Canonical(u) != row.ok {
			t.Errorf("%q: want %v", row.address, row.ok)
		}
	}
}

func TestADefaultPortInTheHostHeaderIsTheSameHost(t *testing.T) {
	for _, row := range []struct {
		issuer, host string
		same         bool
	}{
		{"https://sso.example", "sso.example:443", true}, {"https://sso.example", "SSO.example", true}, {"https://sso.example:8443", "sso.example", false},
		{"https://sso.example", "sso.example:8443", false}, {"https://sso.example", "sso.example.evil", false}, {"https://sso.example", "", false},
	} {
		own, err := url.Parse(row.issuer)
		if err != nil {
			t.Fatal(err)
		}
		if got := SameHost(own, row.host); got != row.same {
			t.Errorf("%s, Host %q: %v", row.issuer, row.host, got)
		}
	}
}

func TestS05_OnlyOurOwnPagesPost(t *testing.T) {
	issuer, _ := url.Parse("https://sso.example")
	for _, row := range []struct {
		site, origin string
		ok           bool
	}{
		{"same-origin", "", true}, {"", "https://sso.example", true}, {"same-origin", "null", true}, // a page without a referrer sends Origin: null
		{"", "", false}, {"cross-site", "https://sso.example", false}, {"same-site", "", false}, {"none", "", false}, {"", "null", false},
		{"", "https://evil.example", false}, {"", "http://sso.example", false}, {"", "https://sso.example.evil.example", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if row.site != "" {
			r.Header.Set("Sec-Fetch-Site", row.site)
		}
		if row.origin != "" {
			r.Header.Set("Origin", row.origin)
		}
		if SameSite(r, issuer) != row.ok {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: want %v", row.site, row.origin, row.ok)
		}
	}
}

func TestTheFirstStatusOfAnAnswerCounts(t *testing.T) {
	inner := httptest.NewRecorder()
	w := &Writer{ResponseWriter: inner}
	w.WriteHeader(http.StatusTeapot)
	w.WriteHeader(http.StatusOK)
	if w.Status != http.StatusTeapot || inner.Code != http.StatusTeapot {
		t.Errorf("%d, sent %d", w.Status, inner.Code)
	}
	w = &Writer{ResponseWriter: httptest.NewRecorder()}
	if _, err := w.Write([]byte("x")); err != nil || w.Status != http.StatusOK {
		t.Errorf("%d, %v", w.Status, err)
	}
}

func TestO04_APanicTellsNoValue(t *testing.T) {
	if got := KindOfPanic(errors.New("secret")); got != "a *errors.errorString" {
		t.Error(got)
	}
	defer func() {
		if got := KindOfPanic(recover()); !strings.Contains(got, "out of range") {
			t.Error(got)
		}
	}()
	var none []int
	_ = none[len(none)]
}
