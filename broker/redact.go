package broker

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// What a trace keeps of an upstream's claims: what says something about the person.
// Values of one sign-in say nothing, and whatever looks like a key to something is
// nobody's to read later.

// ofOneSignIn are claims that tie an ID token to its request.
var ofOneSignIn = []string{"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid"}

const (
	mostClaims = 32 << 10 // bytes of JSON that a trace keeps of claims
	hidden     = "[redacted]"
)

// redacted returns the claims that a trace may keep. It changes nothing in place.
func redacted(claims map[string]any, secrets []string) map[string]any {
	if len(claims) == 0 {
		return nil
	}
	out := maps.Clone(claims)
	for _, name := range ofOneSignIn {
		delete(out, name)
	}
	for name, value := range out {
		out[name] = hide(secrets).safe(name, value, 0)
	}
	if weight(out) > mostClaims {
		return shortened(out)
	}
	return out
}

// weight is about how many bytes of JSON a value takes. It looks and makes nothing, for
// it is asked at every login.
func weight(value any) int {
	switch v := value.(type) {
	case string:
		return len(v) + 3
	case []any:
		sum := 2
		for _, e := range v {
			if sum += weight(e); sum > mostClaims {
				break
			}
		}
		return sum
	case map[string]any:
		sum := 2
		for name, e := range v {
			if sum += len(name) + 4 + weight(e); sum > mostClaims {
				break
			}
		}
		return sum
	}
	return 8
}

// shortened keeps the small claims: a trace tells better half than nothing, and says so.
func shortened(claims map[string]any) map[string]any {
	out, size := map[string]any{}, 0
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if size += len(name) + 25; size > mostClaims {
			break
		}
		out[name] = "[too large to keep]"
		if w := weight(claims[name]); w <= 1024 && size+w <= mostClaims {
			out[name], size = claims[name], size+w
		}
	}
	return out
}

// hide are values that are secrets whatever their name.
type hide []string

// safe hides what is a secret, or looks like one by the name it has or by its form.
func (h hide) safe(name string, value any, depth int) any {
	if secretName(name) || depth > 8 {
		return hidden
	}
	switch v := value.(type) {
	case string:
		if h.secret(v) {
			return hidden
		}
	case []any:
		if slices.ContainsFunc(v, func(e any) bool { return !h.plain(e) }) {
			list := make([]any, len(v))
			for i, e := range v {
				list[i] = h.safe("", e, depth+1)
			}
			return list
		}
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, e := range v {
			object[key] = h.safe(key, e, depth+1)
		}
		return object
	}
	return value
}

// plain tells whether an entry of a list can stay as it is.
func (h hide) plain(v any) bool {
	switch v := v.(type) {
	case string:
		return !h.secret(v)
	case []any, map[string]any:
		return false
	}
	return true
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"secret", "password", "passwd", "token", "cookie", "private_key", "api_key", "apikey", "authorization", "assertion"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "code"
}

// repeated tells whether a secret is in a text, or something that looks like one.
func (h hide) repeated(text []byte) bool {
	return bytes.Contains(text, []byte("eyJ")) || slices.ContainsFunc(h, func(secret string) bool { return len(secret) > 8 && bytes.Contains(text, []byte(secret)) })
}

// clean takes secrets out of words.
func (h hide) clean(s string) string {
	for _, secret := range h {
		if len(secret) > 8 {
			s = strings.ReplaceAll(s, secret, hidden)
		}
	}
	return s
}

func (h hide) secret(s string) bool {
	return tokenForm(s) || slices.ContainsFunc(h, func(secret string) bool { return len(secret) > 8 && strings.Contains(s, secret) })
}

// tokenForm tells whether a text is a JWT (RFC 7519) or a refresh token of ours.
func tokenForm(s string) bool {
	return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") >= 2 || strings.HasPrefix(s, "Bearer ")
}
