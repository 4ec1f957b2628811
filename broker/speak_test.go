package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/directory"
)

// What an app asks for comes before what the browser prefers, and holds to the end of
// the login.
func TestPagesSpeakTheLanguageThatTheAppAsksFor(t *testing.T) {
	k := newKit(t)
	for _, row := range []struct{ why, locales, accept, lang, words string }{
		{"ui_locales", "fr", "de", "fr", "Choisissez le compte"},
		{"Accept-Language", "", "de-CH, en;q=0.5", "de", "Wählen Sie das Konto"},
		{"neither", "", "", "en", "Choose the account"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.login("web", "ui_locales", row.locales).url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", row.accept)
		a := do(t, k.browser().Client, r)
		if a.StatusCode != 200 || !strings.Contains(a.body, `lang="`+row.lang+`"`) || !strings.Contains(a.body, row.words) {
			t.Errorf("%s: %s %s", row.why, a.Status, a.body)
		}
	}
	b := k.browser()
	to := k.login("notes", "ui_locales", "de", "resource", "", "scope", "openid profile").signIn(b, "google", "alice")
	if a := b.get(to.String()); !strings.Contains(a.body, "Signed in as") && !strings.Contains(a.body, "Angemeldet als") {
		t.Fatalf("no consent page: %s", a.body)
	} else if !strings.Contains(a.body, "Angemeldet als") || !strings.Contains(a.body, "Ihre E-Mail-Adresse") && !strings.Contains(a.body, "Ihren Namen") {
		t.Errorf("the consent page after the login is not in German: %s", a.body)
	}
	l := k.login("web", "ui_locales", "de")
	if a := b.get(strings.Replace(l.url(), "redirect_uri=https", "redirect_uri=httpx", 1)); !strings.Contains(a.body, "lang=\"en\"") {
		t.Errorf("before the app is known, its wishes are nobody's: %s", a.body)
	}
}

func TestTheDirectorysBrandComesBeforeTheSettings(t *testing.T) {
	k := newKit(t, func(d *directory.Document) {
		d.Brand = directory.Brand{Name: "Acme", Accent: "#1a7f5a"}
		d.Clients[0].Accent = "#b00020"
	})
	b := k.browser()
	if a := b.get(k.issuer + "/nowhere"); !strings.Contains(a.body, "Acme") || !strings.Contains(a.body, "prefers-color-scheme:dark") {
		t.Errorf("the page of the house is %s", a.body)
	}
	a := b.get(k.login("web").url())
	if !strings.Contains(a.body, "Acme") || !strings.Contains(a.body, "tint-b00020.css") {
		t.Errorf("the chooser is %s", a.body)
	}
	if css := b.get(k.issuer + "/assets/tint-b00020.css"); css.StatusCode != 200 || !strings.HasPrefix(css.Header.Get("Content-Type"), "text/css") {
		t.Errorf("its stylesheet is %s", css.Status)
	}
}
