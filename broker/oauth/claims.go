package oauth

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Limits of the claims parameter, checked while it is read.
const (
	maxClaims      = 2048 // bytes of JSON: it travels in a sealed cookie
	maxClaimsDepth = 4    // {"id_token":{"acr":{"values":["1"]}}} is as deep as it goes
	maxClaimsNodes = 100  // members and list items together
	maxClaimName   = 128
)

// ClaimsRequest is the claims parameter (OpenID Connect Core §5.5): claims that an
// app asks for one by one, beside those that its scopes stand for. Asking gives
// nothing by itself: who answers decides what this app may know.
type ClaimsRequest struct {
	UserInfo map[string]ClaimRequest `json:"userinfo,omitempty"`
	IDToken  map[string]ClaimRequest `json:"id_token,omitempty"`
}

// ClaimRequest is how one claim is asked for (§5.5.1). Essential never makes its
// absence an error, acr and sub aside.
type ClaimRequest struct {
	Essential bool  `json:"essential,omitempty"`
	Values    []any `json:"values,omitempty"` // string, bool or float64; value is a list of one
}

// parseClaims reads a claims parameter: JSON without a name twice, small, flat, and of
// the types that §5.5 gives its members. Members that it does not know are ignored, as
// §5.5 demands. An empty parameter is nil.
func parseClaims(raw string) (*ClaimsRequest, *Error) {
	switch {
	case raw == "":
		return nil, nil
	case len(raw) > maxClaims:
		return nil, E(InvalidRequest, "claims is longer than 2048 bytes")
	}
	top, err := readJSONObject(raw)
	if err != nil {
		return nil, E(InvalidRequest, "claims is not a JSON object with each name once").Because(err)
	}
	r := &ClaimsRequest{}
	for name, list := range map[string]*map[string]ClaimRequest{"userinfo": &r.UserInfo, "id_token": &r.IDToken} {
		if *list, err = claimRequests(top[name]); err != nil {
			return nil, E(InvalidRequest, "claims: "+name+" "+err.Error())
		}
	}
	return r, nil
}

func claimRequests(member any) (map[string]ClaimRequest, error) {
	if member == nil {
		return nil, nil
	}
	object, ok := member.(map[string]any)
	if !ok {
		return nil, errors.New("is not an object")
	}
	requests := make(map[string]ClaimRequest, len(object))
	for name, how := range object {
		if name == "" || len(name) > maxClaimName || !clean(name) {
			return nil, errors.New("has a malformed name")
		}
		request, err := claimRequest(how)
		if err != nil {
			return nil, err
		}
		requests[name] = request
	}
	return requests, nil
}

// claimRequest reads what stands beside a claim's name: null, or an object.
func claimRequest(how any) (r ClaimRequest, err error) {
	if how == nil {
		return r, nil
	}
	object, ok := how.(map[string]any)
	if !ok {
		return r, errors.New("asks for a claim by something other than null or an object")
	}
	if essential, there := object["essential"]; there {
		if r.Essential, ok = essential.(bool); !ok {
			return r, errors.New("has an essential that is not true or false")
		}
	}
	value, one := object["value"]
	values, many := object["values"]
	switch {
	case one && many:
		return r, errors.New("has both value and values")
	case one:
		r.Values = []any{value}
	case many:
		if r.Values, ok = values.([]any); !ok || len(r.Values) == 0 {
			return r, errors.New("has values that are not a list")
		}
	}
	for _, v := range r.Values {
		switch v := v.(type) {
		case bool, float64:
		case string:
			if !clean(v) {
				return r, errors.New("has a malformed value")
			}
		default:
			return r, errors.New("has a value that is not a string, a number or a boolean")
		}
	}
	return r, nil
}

// Fits tells whether a claim's value is one of those asked for, or any will do.
func (c ClaimRequest) Fits(value any) bool {
	return len(c.Values) == 0 || slices.Contains(c.Values, value)
}

// texts are the values that are strings.
func (c ClaimRequest) texts() []string {
	var out []string
	for _, v := range c.Values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Keep drops the claims that nobody here knows, so that a request carries no dead
// weight. What is empty then is nil.
func (r *ClaimsRequest) Keep(known func(name string) bool) *ClaimsRequest {
	if r == nil {
		return nil
	}
	for _, list := range []map[string]ClaimRequest{r.UserInfo, r.IDToken} {
		for name := range list {
			if !known(name) {
				delete(list, name)
			}
		}
	}
	if len(r.UserInfo)+len(r.IDToken) == 0 {
		return nil
	}
	return r
}

// Names lists every claim asked for, in either place, sorted.
func (r *ClaimsRequest) Names() []string {
	if r == nil {
		return nil
	}
	var names []string
	for _, list := range []map[string]ClaimRequest{r.UserInfo, r.IDToken} {
		for name := range list {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// String is the parameter again, "" where nothing is asked for.
func (r *ClaimsRequest) String() string {
	if r == nil {
		return ""
	}
	b, err := json.Marshal(r)
	if err != nil { // strings, booleans and finite numbers always marshal
		return ""
	}
	return string(b)
}

func (r *AuthRequest) readClaims(q url.Values) (err *Error) {
	r.Claims, err = parseClaims(q.Get("claims"))
	return err
}

// ACRWanted lists the authentication context classes that the app would like, in its
// order: those of acr_values, which are a wish (§3.1.2.1), and those asked for as the
// ID token's acr claim.
func (r *AuthRequest) ACRWanted() []string {
	wanted := slices.Clone(r.ACRValues)
	if r.Claims != nil {
		wanted = append(wanted, r.Claims.IDToken["acr"].texts()...)
	}
	return wanted
}

// ACRSuffices tells whether a sign-in of this class answers the app. Only an acr that
// is asked for as essential is a demand (§5.5.1.1): one of its values, or any at all.
func (r *AuthRequest) ACRSuffices(acr string) bool {
	if r.Claims == nil || !r.Claims.IDToken["acr"].Essential {
		return true
	}
	return acr != "" && r.Claims.IDToken["acr"].Fits(acr)
}

// SubjectSuffices tells whether a person may be answered with: an app that asks for a
// sub with a value gets that person or an error (§5.5.1).
func (r *AuthRequest) SubjectSuffices(sub string) bool {
	return r.Claims == nil || r.Claims.IDToken["sub"].Fits(sub) && r.Claims.UserInfo["sub"].Fits(sub)
}

// readJSONObject reads one JSON object strictly: every name once, nothing after it, no
// deeper and no larger than the limits.
func readJSONObject(raw string) (map[string]any, error) {
	r := &jsonReader{dec: json.NewDecoder(strings.NewReader(raw))}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

type jsonReader struct {
	dec   *json.Decoder
	nodes int
}

func (r *jsonReader) value(depth int) (any, error) {
	if r.nodes++; r.nodes > maxClaimsNodes || depth > maxClaimsDepth {
		return nil, errors.New("too many members, or too deep")
	}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return r.object(depth)
	case json.Delim('['):
		list := []any{}
		for r.dec.More() {
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := r.dec.Token()
		return list, err
	}
	return token, nil
}

func (r *jsonReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if _, twice := object[name]; !ok || twice {
			return nil, errors.New("a name twice")
		}
		if object[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.Token()
	return object, err
}
