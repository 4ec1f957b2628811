package console_test

import (
	"os"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/brokertest"
)

func TestTheConsolesColoursAreTheHousesAndReadable(t *testing.T) {
	const words, shapes = 4.5, 3.0 // WCAG 2.2 AA: 1.4.3 and 1.4.11
	ours, house := brokertest.Palettes(t, sheet(t, "assets/console.css")), brokertest.Palettes(t, sheet(t, "../../broker/page/assets/page.css"))
	for scheme, palette := range ours {
		for name, value := range house[scheme] {
			if have, ok := palette[name]; ok && have != value {
				t.Errorf("%s: --%s is #%s here and #%s on the broker's pages", scheme, name, have, value)
			}
		}
		for _, pair := range []struct {
			front, back string
			least       float64
			why         string
		}{
			{"ink", "paper", words, "text"}, {"ink", "desk", words, "text beside panels"}, {"soft", "paper", words, "notes"}, {"soft", "desk", words, "leads"},
			{"blue", "paper", words, "links"}, {"blue", "desk", words, "links beside panels"}, {"blue-deep", "tint", words, "the page that is open"}, {"on-blue", "blue", words, "the main button"},
			{"red", "paper", words, "what is wrong"}, {"red", "red-tint", words, "refused"}, {"on-red", "red", words, "a button that destroys"}, {"on-red", "red-deep", words, "the same, hovered"},
			{"amber", "amber-tint", words, "warnings"}, {"green", "green-tint", words, "signed in"}, {"ink", "red-tint", words, "the reason"}, {"ink", "green-tint", words, "what has happened"},
			{"edge", "paper", shapes, "the edge of a field"}, {"blue", "desk", shapes, "the focus"},
			{"c1", "paper", shapes, "bars: signed in"}, {"c2", "paper", shapes, "bars: refused"}, {"c3", "paper", shapes, "bars: failed"}, {"c4", "paper", shapes, "bars: not finished"},
		} {
			front, back := palette[pair.front], palette[pair.back]
			if front == "" || back == "" {
				t.Fatalf("%s: no colour --%s or --%s", scheme, pair.front, pair.back)
			}
			if ratio := brokertest.Contrast(t, front, back); ratio < pair.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f: %s", scheme, pair.front, pair.back, ratio, pair.least, pair.why)
			}
		}
	}
}

func TestTheConsolesStylesheetStaysSmallAndAsksNobody(t *testing.T) {
	css, err := os.ReadFile("assets/console.css")
	if err != nil {
		t.Fatal(err)
	}
	if len(css) > 24<<10 {
		t.Errorf("%d bytes", len(css))
	}
	for _, bad := range []string{"url(", "@import", "@font-face", "!important"} {
		if strings.Contains(string(css), bad) {
			t.Errorf("the stylesheet contains %q", bad)
		}
	}
}

func sheet(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
