package page

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6}|[0-9a-f]{3});`)

// schemes reads the two palettes of the stylesheet: light, then dark.
func schemes(t *testing.T) map[string]map[string]string {
	t.Helper()
	css, err := os.ReadFile("assets/page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, _, ok2 := strings.Cut(rest, "@media")
	if !ok || !ok2 {
		t.Fatal("the stylesheet has no dark palette")
	}
	found := map[string]map[string]string{}
	for name, part := range map[string]string{"light": light, "dark": dark} {
		found[name] = map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(part, -1) {
			found[name][m[1]] = m[2]
		}
	}
	return found
}

// luminance is WCAG 2's relative luminance.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	var c [3]uint8
	if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &c[0], &c[1], &c[2]); err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	var l float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		v := float64(c[i]) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		l += weight * v
	}
	return l
}

func TestEveryWordAndEdgeHasTheContrastThatWCAGAsksFor(t *testing.T) {
	const words, shapes = 4.5, 3.0 // WCAG 2.2 AA: 1.4.3 and 1.4.11
	for name, palette := range schemes(t) {
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
			a, b := luminance(t, front), luminance(t, back)
			if ratio := (math.Max(a, b) + .05) / (math.Min(a, b) + .05); ratio < pair.least {
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
