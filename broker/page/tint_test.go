package page

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/brokertest"
)

var painted = regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]{3,6})`)

// Whatever colour somebody likes, words stay readable, by day and by night.
func TestEveryAccentStaysReadable(t *testing.T) {
	steps := []string{"00", "33", "66", "99", "cc", "ff"}
	var colours []string
	for _, r := range steps {
		for _, g := range steps {
			for _, b := range steps {
				colours = append(colours, "#"+r+g+b)
			}
		}
	}
	papers := brokertest.Palettes(t, sheet(t, "assets/page.css"))
	for _, accent := range colours {
		day, night, ok := strings.Cut(tint(accent), "@media")
		if !ok {
			t.Fatalf("%s has no palette: %s", accent, tint(accent))
		}
		for scheme, css := range map[string]string{"light": day, "dark": night} {
			p := map[string]string{}
			for _, m := range painted.FindAllStringSubmatch(css, -1) {
				p[m[1]] = strings.TrimPrefix(m[2], "#")
			}
			for _, pair := range [][2]string{{p["blue"], papers[scheme]["paper"]}, {p["blue"], p["tint"]}, {p["on-blue"], p["blue"]}, {p["on-blue"], p["blue-deep"]}, {papers[scheme]["ink"], p["tint"]}} {
				if got := brokertest.Contrast(t, pair[0], pair[1]); got < 4.5 {
					t.Errorf("%s, %s: %v have a contrast of %.2f", accent, scheme, pair, got)
				}
			}
		}
	}
}

func TestAnAccentIsAColourAndNothingElse(t *testing.T) {
	for _, bad := range []string{"", "red", "#fff", "#12345", "#1234567", "#12345g", "#+12345", "#123456;}", " #123456", "url(x)", "#１２３４５６"} {
		if ValidAccent(bad) || tint(bad) != "" {
			t.Errorf("%q was taken for a colour", bad)
		}
	}
	p := pages(t)
	for _, row := range []struct {
		path string
		want int
	}{{"/assets/tint-1a7f5a.css", 200}, {"/assets/tint-1A7F5A.css", 404}, {"/assets/tint-.css", 404}, {"/assets/tint-1a7f5a.js", 404}, {"/assets/tint-1a7f5a/../x.css", 404}} {
		w := httptest.NewRecorder()
		p.Assets().ServeHTTP(w, httptest.NewRequest("GET", row.path, nil))
		if w.Code != row.want {
			t.Errorf("%s: got %d, want %d", row.path, w.Code, row.want)
		}
	}
}

func TestTheAppsColourComesBeforeTheHouses(t *testing.T) {
	house := pages(t).As(Brand{Name: "House", Accent: "#1a7f5a"})
	app := App{Name: "Shop", Accent: "#b00020"}
	for _, row := range []struct {
		why  string
		view any
		want string
	}{
		{"the house's own page", SignedOut{}, "/tint-1a7f5a.css"},
		{"a page on the way to an app", Chooser{App: app}, "/tint-b00020.css"},
		{"a page that loads nothing has it inside", ErrorPage{Sentence: "No."}, tint("#1a7f5a")},
		{"a colour that is none", Chooser{App: App{Name: "Shop", Accent: "url(x)"}}, "/tint-1a7f5a.css"},
	} {
		if body := render(t, house, 400, row.view).Body.String(); !strings.Contains(body, row.want) {
			t.Errorf("%s: %s is not in %s", row.why, row.want, body)
		}
	}
	if body := render(t, pages(t), 400, SignedOut{}).Body.String(); strings.Contains(body, "tint-") {
		t.Error("a house without a colour has a tint")
	}
}
