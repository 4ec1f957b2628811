package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"time"
)

// decoded is a token laid open for the page. It was checked when it came (the ID
// token) or is checked by the API (the access token); here it is only shown.
type decoded struct {
	Header, Claims []claim
	Raw            string // without its signature, so that a screenshot gives nothing away
}

// claim is one line of a token.
type claim struct {
	Name    string
	Meaning string
	Value   string
	List    []string // instead of Value
	Note    string   // a time in words
}

// meanings are in the order in which claims are shown.
var meanings = []struct{ name, says string }{
	{"typ", "what kind of token this is"},
	{"alg", "how it is signed"},
	{"kid", "the key it is signed with"},
	{"iss", "who made it"},
	{"sub", "the person, the same for ever"},
	{"aud", "who may accept it"},
	{"azp", "the app it was made for"},
	{"client_id", "the app that uses it"},
	{"scope", "what the app may do"},
	{"roles", "what the person is"},
	{"name", "from the provider"},
	{"given_name", "from the provider"},
	{"family_name", "from the provider"},
	{"preferred_username", "from the provider"},
	{"picture", "from the provider"},
	{"locale", "from the provider"},
	{"email", "never used to tell people apart"},
	{"email_verified", "whether the provider vouches for it"},
	{"groups", "from the provider"},
	{"auth_time", "when the person signed in"},
	{"acr", "how surely it is the person"},
	{"amr", "how the person proved it"},
	{"sid", "the session at the broker"},
	{"nonce", "ties it to this login"},
	{"at_hash", "ties it to the access token"},
	{"iat", "made"},
	{"nbf", "not before"},
	{"exp", "ends"},
	{"jti", "its serial number"},
}

// decode lays a JWT open without checking it. What is no JWT gives nil.
func decode(raw string, now time.Time) *decoded {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > 16<<10 {
		return nil
	}
	header, payload := members(parts[0]), members(parts[1])
	if header == nil || payload == nil {
		return nil
	}
	return &decoded{Header: lines(header, now), Claims: lines(payload, now), Raw: parts[0] + "." + parts[1] + "."}
}

func members(part string) map[string]any {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a number is shown as it was written
	var m map[string]any
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

func lines(m map[string]any, now time.Time) []claim {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	place := func(name string) int {
		i := slices.IndexFunc(meanings, func(m struct{ name, says string }) bool { return m.name == name })
		if i < 0 {
			return len(meanings)
		}
		return i
	}
	sort.Slice(names, func(i, j int) bool {
		if a, b := place(names[i]), place(names[j]); a != b {
			return a < b
		}
		return names[i] < names[j]
	})
	out := make([]claim, 0, len(names))
	for _, name := range names {
		c := line(name, m[name], now)
		if i := place(name); i < len(meanings) {
			c.Meaning = meanings[i].says
		}
		out = append(out, c)
	}
	return out
}

func line(name string, value any, now time.Time) claim {
	c := claim{Name: name}
	switch v := value.(type) {
	case string:
		c.Value = v
		if name == "scope" {
			c.Value, c.List = "", strings.Fields(v)
		}
	case json.Number:
		c.Value = v.String()
		if n, err := v.Int64(); err == nil && slices.Contains([]string{"iat", "nbf", "exp", "auth_time"}, name) {
			c.Note = moment(time.Unix(n, 0), now)
		}
	case []any:
		for _, item := range v {
			if s, ok := item.(string); ok {
				c.List = append(c.List, s)
			} else {
				c.List = append(c.List, compact(item))
			}
		}
		if len(v) == 0 {
			c.Value = "[]"
		}
	default:
		c.Value = compact(v)
	}
	return c
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(b)
}

// moment is a time as a person would say it.
func moment(t, now time.Time) string {
	d := t.Sub(now).Round(time.Second)
	clock := t.UTC().Format("15:04:05 UTC")
	switch {
	case d > 0:
		return clock + ", in " + span(d)
	case d < 0:
		return clock + ", " + span(-d) + " ago"
	}
	return clock + ", now"
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.String()
	case d < time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Second).String(), "0s")
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}
