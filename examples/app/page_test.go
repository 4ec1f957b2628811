package app

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/handstamp/handstamp/broker/brokertest"
)

func TestThePageIsReadableByMachinesThatHelpPeople(t *testing.T) {
	w := newTown(t)
	b := w.browser()
	pages := map[string]string{}
	_, pages["before"] = w.get(b, "/")
	_, pages["lost"] = w.get(b, "/callback?state=x")
	w.get(b, "/login")
	w.post(b, "/api/read")
	w.post(b, "/api/write")
	_, pages["after"] = w.post(b, "/refresh")
	_, pages["bye"] = w.post(b, "/logout")
	for name, body := range pages {
		doc, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		count, ids := map[string]int{}, map[string]bool{}
		var refers []string
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			count[n.Data]++
			for _, a := range n.Attr {
				switch a.Key {
				case "id":
					if ids[a.Val] {
						t.Errorf("%s: id %q stands twice", name, a.Val)
					}
					ids[a.Val] = true
				case "aria-labelledby":
					refers = append(refers, a.Val)
				case "style", "tabindex", "autofocus":
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
			}
			if (n.Data == "a" || n.Data == "button" || n.Data == "h1" || n.Data == "h2" || n.Data == "title") && strings.TrimSpace(words(n)) == "" {
				t.Errorf("%s: a <%s> without words", name, n.Data)
			}
		}
		for _, id := range refers {
			if !ids[id] {
				t.Errorf("%s: aria-labelledby=%q points nowhere", name, id)
			}
		}
		for _, tag := range []string{"h1", "main", "header", "footer", "title"} {
			if count[tag] != 1 {
				t.Errorf("%s: %d <%s>", name, count[tag], tag)
			}
		}
		if count["script"]+count["iframe"]+count["img"] != 0 || !strings.Contains(body, `<html lang="en">`) {
			t.Errorf("%s: scripts, frames or pictures, or no language", name)
		}
	}
	for _, id := range []string{"call-read", "call-write", "call-empty", "account", "refresh", "sign-out", "read-status", "write-challenge", "subject", "id-token", "access-token", "why"} {
		if !strings.Contains(pages["after"], `id="`+id+`"`) {
			t.Errorf("id %q is missing: the browser tests look for it", id)
		}
	}
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func TestTokensAreShownButNeverWhole(t *testing.T) {
	w := newTown(t)
	_, body := w.get(w.browser(), "/login")
	for _, m := range regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.([\w-]*)`).FindAllStringSubmatch(body, -1) {
		if m[1] != "" {
			t.Errorf("a token stands on the page with its signature: %s", m[0])
		}
	}
	if strings.Contains(body, w.broker.refresh) {
		t.Error("the whole refresh token stands on the page")
	}
}

func TestATokenIsLaidOpenInAnOrderThatTellsAStory(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	d := decode("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJ6IjpbMSwieCJdLCJleHAiOjE4MDAwMDAzMDAsInNjb3BlIjoiYSBiIiwic3ViIjoidTEiLCJvIjp7ImsiOm51bGx9LCJiaWciOjkwMDcxOTkyNTQ3NDA5OTN9.c2ln", now)
	if d == nil {
		t.Fatal("not read")
	}
	var got []string
	for _, c := range append(d.Header, d.Claims...) {
		got = append(got, strings.Join([]string{c.Name, c.Value, strings.Join(c.List, ","), c.Note}, "|"))
	}
	want := []string{"typ|at+jwt||", "alg|ES256||", "sub|u1||", "scope||a,b|", "exp|1800000300||08:05:00 UTC, in 5m", `big|9007199254740993||`, `o|{"k":null}||`, "z||1,x|"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, opaque := range []string{"", "abc", "a.b", "a.b.c", "!.!.!", "e30.bnVsbA.", strings.Repeat("a", 20<<10) + ".e30.x"} {
		if decode(opaque, now) != nil {
			t.Errorf("%.20q was taken for a JWT", opaque)
		}
	}
}

func TestEveryWordHasTheContrastThatWCAGAsksFor(t *testing.T) {
	css, err := os.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, palette := range brokertest.Palettes(t, string(css)) {
		for _, pair := range []string{"ink paper", "ink desk", "ink tint", "soft paper", "soft desk", "blue paper", "blue desk", "blue-deep tint", "on-blue blue", "on-blue blue-deep",
			"amber amber-tint", "green green-tint", "green paper", "red paper", "red red-tint", "ink red-tint", "ink green-tint"} {
			front, back, _ := strings.Cut(pair, " ")
			if ratio := brokertest.Contrast(t, palette[front], palette[back]); ratio < 4.5 {
				t.Errorf("%s: %s is %.2f, want 4.5", name, pair, ratio)
			}
		}
	}
}
