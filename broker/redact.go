package broker

import (
	"encoding/json"
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
func redacted(claims map[string]any) map[string]any {
	if len(claims) == 0 {
		return nil
	}
	out := maps.Clone(claims)
	for _, name := range ofOneSignIn {
		delete(out, name)
	}
	for name, value := range out {
		out[name] = safe(name, value, 0)
	}
	if b, err := json.Marshal(out); err != nil || len(b) > mostClaims {
		return shortened(out)
	}
	return out
}

// shortened keeps the small claims: a trace tells better half than nothing, and says so.
func shortened(claims map[string]any) map[string]any {
	out, size := map[string]any{}, 0
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		b, err := json.Marshal(claims[name])
		if err != nil || len(b) > 1024 || size+len(name)+len(b) > mostClaims {
			out[name] = "[too large to keep]"
			size += len(name)
			continue
		}
		out[name], size = claims[name], size+len(name)+len(b)
		if size > mostClaims {
			break
		}
	}
	return out
}

// safe hides what looks like a secret, by the name it has or by its form.
func safe(name string, value any, depth int) any {
	if secretName(name) || depth > 8 {
		return hidden
	}
	switch v := value.(type) {
	case string:
		if tokenForm(v) {
			return hidden
		}
	case []any:
		if slices.ContainsFunc(v, func(e any) bool { return !plain(e) }) {
			list := make([]any, len(v))
			for i, e := range v {
				list[i] = safe("", e, depth+1)
			}
			return list
		}
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, e := range v {
			object[key] = safe(key, e, depth+1)
		}
		return object
	}
	return value
}

// plain tells whether an entry of a list can stay as it is.
func plain(v any) bool {
	switch v := v.(type) {
	case string:
		return !tokenForm(v)
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

// tokenForm tells whether a text is a JWT (RFC 7519) or a refresh token of ours.
func tokenForm(s string) bool {
	return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") >= 2 || strings.HasPrefix(s, "Bearer ")
}
