package storage

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
)

// A text that parses is spelled exactly as makeToken would spell it, so that the MAC
// covers every byte.
func FuzzParseToken(f *testing.F) {
	good := makeToken(make([]byte, 32), newID(), 7)
	for _, s := range []string{good, good + "=", strings.ToUpper(good), "hsr_..", "", good[:len(good)-1], strings.Replace(good, ".7.", ".+7.", 1),
		strings.Replace(good, ".7.", ".07.", 1), good[:10] + "\n" + good[10:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := parseToken(raw)
		if !ok {
			return
		}
		if again := tokenPrefix + got.family + "." + strconv.FormatInt(got.generation, 10) + "." + base64.RawURLEncoding.EncodeToString(got.mac); again != raw {
			t.Fatalf("%q is another spelling of %q", raw, again)
		}
		if got.generation < 1 || len(got.mac) != 32 || len(got.family) != familyIDChars {
			t.Fatalf("%q parsed to %+v", raw, got)
		}
	})
}
