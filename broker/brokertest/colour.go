package brokertest

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6}|[0-9a-f]{3});`)

// Palettes reads the colours of a stylesheet by scheme, light and dark, and by name.
func Palettes(t testing.TB, css string) map[string]map[string]string {
	t.Helper()
	light, rest, ok := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the stylesheet has no dark palette")
	}
	dark, _, _ := strings.Cut(rest, "@media")
	found := map[string]map[string]string{}
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		found[scheme] = map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(part, -1) {
			found[scheme][m[1]] = m[2]
		}
	}
	return found
}

// Contrast is that of two colours, from 1 to 21 (WCAG 2.2, contrast ratio). Words want 4.5
// and shapes 3 (success criteria 1.4.3 and 1.4.11, AA). An empty one fails the test.
func Contrast(t testing.TB, front, back string) float64 {
	t.Helper()
	a, b := luminance(t, front), luminance(t, back)
	return (max(a, b) + .05) / (min(a, b) + .05)
}

// luminance is WCAG 2's relative luminance.
func luminance(t testing.TB, hex string) float64 {
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
