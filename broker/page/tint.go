package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// An accent is the one colour that a brand or an app chooses. From it come a light
// and a dark palette in which every word stays readable (WCAG 2.2, 1.4.3): a colour
// that is too pale is darkened, one that is too dark for the night is lightened.

// ValidAccent tells whether a text is a colour: #rrggbb.
func ValidAccent(s string) bool {
	_, ok := parseColour(s)
	return ok
}

// rgb are red, green and blue from 0 to 1.
type rgb [3]float64

func parseColour(s string) (rgb, bool) {
	if len(s) != 7 || s[0] != '#' {
		return rgb{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 24)
	if err != nil {
		return rgb{}, false
	}
	return rgb{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, true
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0]*255)), int(math.Round(c[1]*255)), int(math.Round(c[2]*255)))
}

// mix goes from c toward o: 0 is c, 1 is o.
func (c rgb) mix(o rgb, part float64) (out rgb) {
	for i := range c {
		out[i] = c[i] + (o[i]-c[i])*part
	}
	return out
}

// luminance is WCAG's relative luminance, of the colour as it is written.
func (c rgb) luminance() (l float64) {
	for i, weight := range [3]float64{.2126, .7152, .0722} {
		v := math.Round(c[i]*255) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		l += weight * v
	}
	return l
}

func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

// toward moves c to goal in small steps until it is readable on all grounds.
func (c rgb) toward(goal rgb, grounds ...rgb) rgb {
	for part := 0.0; part < 1; part += 1.0 / 64 {
		moved, ok := c.mix(goal, part), true
		for _, g := range grounds {
			ok = ok && contrast(moved, g) >= readable
		}
		if ok {
			return moved
		}
	}
	return goal
}

const readable = 4.6 // 4.5 and a little for rounding

var (
	white      = rgb{1, 1, 1}
	black      = rgb{}
	nightPaper = rgb{0x1a / 255.0, 0x1d / 255.0, 0x29 / 255.0} // --paper and --ink of page.css
	nightInk   = rgb{0xec / 255.0, 0xee / 255.0, 0xf6 / 255.0}
	dayInk     = rgb{0x17 / 255.0, 0x1b / 255.0, 0x2c / 255.0}
)

// tint is the part of a stylesheet that puts an accent in the place of the built-in
// blue, or "" for what is no colour.
func tint(accent string) string {
	c, ok := parseColour(accent)
	if !ok {
		return ""
	}
	day := c.mix(white, .92)
	blue := c.toward(black, white, day)
	night := nightPaper.mix(c, .16)
	if contrast(nightInk, night) < 7 {
		night = nightPaper
	}
	glow := c.toward(white, nightPaper, night)
	return fmt.Sprintf(":root{--tint:%s;--blue:%s;--blue-deep:%s;--on-blue:#fff}@media (prefers-color-scheme:dark){:root{--tint:%s;--blue:%s;--blue-deep:%s;--on-blue:%s}}",
		day, blue, blue.mix(black, .2), night, glow, glow.mix(white, .3), dayInk.toward(black, glow))
}

// tintPath is where a page finds its tint: the colour itself, so that nothing needs
// to be kept and a cache may hold it for ever.
func tintPath(accent string) string { return "/tint-" + strings.ToLower(accent[1:]) + ".css" }

func tintAsset(path string) (asset, bool) {
	hex, ok := strings.CutPrefix(path, "/tint-")
	hex, ok2 := strings.CutSuffix(hex, ".css")
	if !ok || !ok2 || hex != strings.ToLower(hex) || !ValidAccent("#"+hex) {
		return asset{}, false
	}
	return asset{[]byte(tint("#" + hex)), "text/css; charset=utf-8"}, true
}
