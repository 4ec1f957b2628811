package page

import (
	"os"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker/brokertest"
)

func TestEveryWordAndEdgeHasTheContrastThatWCAGAsksFor(t *testing.T) {
	const words, shapes = 4.5, 3.0 // WCAG 2.2 AA: 1.4.3 and 1.4.11
	for name, palette := range brokertest.Palettes(t, sheet(t, "assets/page.css")) {
		for _, pair := range []struct {
			front, back string
			least       float64
			why         string
		}{
			{"ink", "paper", words, "text"}, {"ink", "desk", words, "the person's name"}, {"ink", "tint", words, "a hovered button, the reference"},
			{"soft", "paper", words, "notes"}, {"soft", "desk", words, "brand and footer"}, {"soft", "tint", words, "a note on a hovered button"},
			{"blue", "paper", words, "links"}, {"blue-deep", "paper", words, "hovered links"}, {"blue-deep", "tint", words, "the letter for a logo"},
			{"on-blue", "blue", words, "the main button"}, {"on-blue", "blue-deep", words, "the main button, hovered"},
			{"amber", "paper", words, "a provider is down"}, {"amber", "tint", words, "the same, hovered"}, {"amber", "amber-tint", words, "the letter of one that is down"},
			{"green", "green-tint", shapes, "the tick"}, {"green", "paper", shapes, "ticks before permissions"},
			{"green", "green-tint", words, "this browser"}, {"ink", "green-tint", words, "what has just ended"},
			{"edge", "paper", shapes, "the edge of a button"}, {"blue", "desk", shapes, "the focus ring outside the card"},
		} {
			front, back := palette[pair.front], palette[pair.back]
			if front == "" || back == "" {
				t.Fatalf("%s: no colour --%s or --%s", name, pair.front, pair.back)
			}
			if ratio := brokertest.Contrast(t, front, back); ratio < pair.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f: %s", name, pair.front, pair.back, ratio, pair.least, pair.why)
			}
		}
	}
}

func TestTheStylesheetStaysSmallAndAsksNobody(t *testing.T) {
	css, err := os.ReadFile("assets/page.css")
	if err != nil {
		t.Fatal(err)
	}
	if len(css) > 10<<10 {
		t.Errorf("%d bytes: this travels inside every error page", len(css))
	}
	for _, bad := range []string{"url(", "@import", "@font-face", "</", "outline: none", "outline:none", "!important"} {
		if strings.Contains(string(css), bad) {
			t.Errorf("the stylesheet contains %q", bad)
		}
	}
	if !strings.Contains(string(css), ":focus-visible") {
		t.Error("nobody sees where the focus is")
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
