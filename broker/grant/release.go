package grant

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// standard lists the claims of OpenID Connect Core §5.1 that scope profile releases
// and that are texts; updated_at is the fourteenth.
var standard = []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
	"picture", "website", "gender", "birthdate", "zoneinfo", "locale"}

// person keeps what upstream said about the person in the types that OpenID Connect
// Core §5.1 gives them; a claim of another type is left out.
func person(who Subject, extra map[string]any) map[string]any {
	p := map[string]any{}
	for _, name := range append([]string{"phone_number"}, standard...) {
		if v, ok := who.Claims[name].(string); ok && v != "" && len(v) <= 1024 {
			p[name] = v
		}
	}
	if at, ok := seconds(who.Claims["updated_at"]); ok {
		p["updated_at"] = at
	}
	if verified, ok := who.Claims["phone_number_verified"].(bool); ok && p["phone_number"] != nil {
		p["phone_number_verified"] = verified
	}
	if a := address(who.Claims["address"]); len(a) > 0 {
		p["address"] = a
	}
	if who.User.Email != "" {
		p["email"], p["email_verified"] = who.User.Email, who.User.EmailVerified
	}
	if groups := stringList(who.Claims["groups"]); len(groups) > 0 {
		p["groups"] = groups
	}
	if groups := stringList(extra["groups"]); len(groups) > 0 {
		p["groups"] = groups
	}
	return p
}

// seconds reads a time as OpenID Connect Core §5.1 writes it, or as Auth0 does, in
// RFC 3339.
func seconds(v any) (int64, bool) {
	switch v := v.(type) {
	case float64:
		return int64(v), v >= 1 && v <= 253402300799 // the year 9999
	case string:
		at, err := time.Parse(time.RFC3339, v)
		return at.Unix(), err == nil && at.Unix() > 0
	}
	return 0, false
}

// address keeps the members of OpenID Connect Core §5.1.1 that are texts.
func address(v any) map[string]any {
	from, _ := v.(map[string]any)
	a := map[string]any{}
	for _, name := range []string{"formatted", "street_address", "locality", "region", "postal_code", "country"} {
		if s, ok := from[name].(string); ok && s != "" && len(s) <= 1024 {
			a[name] = s
		}
	}
	return a
}

func stringList(v any) []string {
	var out []string
	switch list := v.(type) {
	case []string:
		out = list
	case []any:
		for _, e := range list {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	}
	if len(out) > 500 {
		out = out[:500]
	}
	return out
}

// release returns the person's claims that scopes release (OpenID Connect Core §5.4).
func release(g *storage.Grant, scopes []string) map[string]any {
	p, _ := g.Claims[factPerson].(map[string]any)
	out := map[string]any{}
	for name, value := range p {
		if scope, known := directory.ReleasedBy(name); known && slices.Contains(scopes, scope) {
			out[name] = value
		}
	}
	return out
}

// UserInfo is what userinfo tells a client: what scopes release, and what it asked for
// by name (OpenID Connect Core §5.3, §5.5).
func UserInfo(g *storage.Grant, c *directory.Client, scopes []string) map[string]any {
	out := release(g, scopes)
	if r := askedOf(g); r != nil {
		maps.Copy(out, told(g, c, r.UserInfo))
	}
	out["sub"] = g.User.Subject
	return out
}

// inIDToken picks what goes into the ID token: the claims that an administrator gave
// the client there, as far as scopes release them, and what it asked for by name.
func inIDToken(g *storage.Grant, c *directory.Client) map[string]any {
	released, out := release(g, g.Scopes), map[string]any{}
	for _, name := range c.IDTokenClaims {
		copyClaims(out, released, name)
		if name == "email" {
			copyClaims(out, released, "email_verified")
		}
	}
	if r := askedOf(g); r != nil {
		maps.Copy(out, thatFit(told(g, c, r.IDToken)))
	}
	return out
}

// maxAsked is how many bytes of an ID token an app can fill by asking: a person about
// whom a provider says a lot must not make the token too large to be coined.
const maxAsked = 2 << 10

// thatFit leaves out what would not fit, in the order of names; userinfo has it all.
func thatFit(asked map[string]any) map[string]any {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		value, err := json.Marshal(asked[name])
		if err != nil || size+len(name)+len(value) > maxAsked {
			delete(asked, name)
			continue
		}
		size += len(name) + len(value)
	}
	return asked
}

// told is what a client is told of the claims it asked for: those that it may know,
// that the person has, and that have a value it asked for, if it asked for one. What
// is not there is left out and is no error (OpenID Connect Core §5.5.1).
func told(g *storage.Grant, c *directory.Client, asked map[string]oauth.ClaimRequest) map[string]any {
	p, _ := g.Claims[factPerson].(map[string]any)
	out := map[string]any{}
	for name, how := range asked {
		if value, has := p[name]; has && c.MayKnow(name) && fits(how, value) {
			out[name] = value
		}
	}
	return out
}

// fits compares scalars; a list or an object has no value to ask for.
func fits(how oauth.ClaimRequest, value any) bool {
	switch v := value.(type) {
	case string, bool, float64:
		return how.Fits(v)
	case int64:
		return how.Fits(float64(v))
	}
	return len(how.Values) == 0
}

// Ask keeps the claims parameter with the decision.
func (d *Decided) Ask(r *oauth.ClaimsRequest) {
	if r != nil {
		d.Claims[factAsked] = r
	}
}

// askedOf is the claims parameter of a grant, which storage gives back as plain JSON.
func askedOf(g *storage.Grant) *oauth.ClaimsRequest {
	switch kept := g.Claims[factAsked].(type) {
	case *oauth.ClaimsRequest:
		return kept
	case map[string]any:
		var r oauth.ClaimsRequest
		if b, err := json.Marshal(kept); err == nil && json.Unmarshal(b, &r) == nil {
			return &r
		}
	}
	return nil
}

func copyClaims(to, from map[string]any, names ...string) {
	for _, n := range names {
		if v, ok := from[n]; ok {
			to[n] = v
		}
	}
}
