package console_test

import (
	"strings"
	"testing"
)

func TestAnAdministratorSignsInThroughTheBroker(t *testing.T) {
	k := newKit(t)
	b := k.signedIn("erin", "owner")
	b.page("/signed-out").has(t, "Signed out")
	a := b.page("/")
	a.has(t, "Erin Admin", "owner", "Overview")
	// A token that shows, shows at each sign-in; sealed text has its first letters once in a hundred by chance.
	shows := func(b *visitor) (names []string) {
		for _, c := range b.Jar.Cookies(a.Request.URL) {
			if strings.Contains(c.Value, "eyJ") {
				names = append(names, c.Name)
			}
		}
		return names
	}
	for first, i := shows(b), 0; len(first) > 0; i++ {
		if i == 3 {
			t.Errorf("the cookies %v show a token", first)
			break
		}
		if len(shows(k.signedIn("erin", "owner"))) == 0 {
			break
		}
	}
}

func TestSomebodyWithoutARoleIsToldSo(t *testing.T) {
	k := newKit(t)
	k.person("web", "okta", "alice")
	b := k.browser()
	to, err := b.follow(k.url+"/", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if a := b.get(to); strings.HasPrefix(to, k.url) && a.StatusCode == 200 {
		t.Errorf("alice is in: %s", to)
	}
	if a := b.get("/"); a.StatusCode != 303 {
		t.Errorf("alice is in: %s", a.Status)
	}
}

func TestAnOwnersLinkIsSpentByItsButtonAndNotByAPreview(t *testing.T) {
	k := newKit(t)
	link := k.link()
	for range 3 { // a chat program looks
		k.browser().page(link).has(t, "Enter as owner")
	}
	b := k.browser()
	b.enter(link).has(t, "Owner session by link, until", "You are in.")
	again := k.browser()
	if a := again.post("/enter", "token", link[strings.Index(link, "=")+1:]); a.StatusCode != 403 {
		t.Errorf("a spent link: %s", a.Status)
	}
	b.done("/sign-out").has(t, "Signed out")
	if a := b.get("/"); a.StatusCode != 303 {
		t.Errorf("after the sign-out: %s", a.Status)
	}
}

func TestS16_ALookAtTheAnswerSpendsNothing(t *testing.T) {
	k := newKit(t)
	b := k.signedIn("erin", "owner")
	if a := b.do(b.request("HEAD", "/callback?code=x&state=y", nil)); a.StatusCode != 405 {
		t.Errorf("HEAD of the callback: %s", a.Status)
	}
	for why, query := range map[string]string{"no trip": "code=x&state=y&iss=" + k.issuer, "nothing": ""} {
		if a := k.browser().get("/callback?" + query); a.StatusCode != 400 || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s %q", why, a.Status, a.Header.Get("Set-Cookie"))
		}
	}
	other := k.browser()
	other.get("/sign-in?to=/")
	for _, query := range []string{"code=x&state=other&iss=" + k.issuer, "code=x&iss=" + k.issuer, "code=x&state=&iss=" + k.issuer} {
		if a := other.get("/callback?" + query); a.StatusCode != 400 {
			t.Errorf("%s: %s", query, a.Status)
		}
	}
}
