package console_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6}|[0-9a-f]{3});`)

// palettes reads the two of a stylesheet: light, then dark.
func palettes(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	css, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	light, rest, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, _, ok2 := strings.Cut(rest, "@media")
	if !ok || !ok2 {
		t.Fatalf("%s has no dark palette", path)
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

func TestTheConsolesColoursAreTheHousesAndReadable(t *testing.T) {
	const words, shapes = 4.5, 3.0 // WCAG 2.2 AA: 1.4.3 and 1.4.11
	ours, house := palettes(t, "assets/console.css"), palettes(t, "../../broker/page/assets/page.css")
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
			a, b := luminance(t, front), luminance(t, back)
			if ratio := (math.Max(a, b) + .05) / (math.Min(a, b) + .05); ratio < pair.least {
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
