package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// record is one thing that a walk tells: a step, a hop, a document or the end.
type record struct {
	Step      string            `json:"step,omitempty"`
	Hop       int               `json:"hop,omitempty"`
	Who       string            `json:"who,omitempty"`
	Whom      string            `json:"whom,omitempty"`
	Request   string            `json:"request,omitempty"`
	Carries   []string          `json:"carries_cookies,omitempty"`
	Form      map[string]string `json:"form,omitempty"`
	Status    int               `json:"status,omitempty"`
	Location  string            `json:"location,omitempty"`
	Challenge string            `json:"www_authenticate,omitempty"`
	Sets      []string          `json:"sets_cookies,omitempty"`
	Shows     string            `json:"shows,omitempty"`
	Content   json.RawMessage   `json:"content,omitempty"`
	Done      string            `json:"done,omitempty"`
}

// say prints a record for people, or with --json as a line for programs.
func (w *walker) say(r record) {
	if w.o.json {
		line, err := json.Marshal(r)
		if err != nil {
			line = []byte(`{"shows":"unprintable"}`)
		}
		fmt.Fprintf(w.out, "%s\n", line)
		return
	}
	switch {
	case r.Step != "":
		fmt.Fprintf(w.out, "\n%s\n", r.Step)
	case r.Done != "":
		fmt.Fprintf(w.out, "\nDone: %s.\n", r.Done)
	case r.Shows != "":
		var pretty bytes.Buffer
		if json.Indent(&pretty, r.Content, "        ", "  ") != nil {
			pretty.Write(r.Content)
		}
		fmt.Fprintf(w.out, "      %s:\n        %s\n", r.Shows, bytes.TrimSpace(pretty.Bytes()))
	default:
		w.sayHop(r)
	}
}

func (w *walker) sayHop(r record) {
	fmt.Fprintf(w.out, "  %2d  %s → %s  %s\n", r.Hop, r.Who, r.Whom, r.Request)
	if len(r.Form) > 0 {
		var parts []string
		for name, value := range r.Form {
			parts = append(parts, name+"="+value)
		}
		slices.Sort(parts)
		fmt.Fprintf(w.out, "      form: %s\n", strings.Join(parts, " "))
	}
	if len(r.Carries) > 0 {
		fmt.Fprintf(w.out, "      carries cookies: %s\n", strings.Join(names(r.Carries), " "))
	}
	answer := fmt.Sprintf("      ← %d", r.Status)
	if r.Location != "" {
		answer += "  to " + r.Location
	}
	fmt.Fprintln(w.out, answer)
	if r.Challenge != "" {
		fmt.Fprintf(w.out, "      WWW-Authenticate: %s\n", r.Challenge)
	}
	if len(r.Sets) > 0 {
		fmt.Fprintf(w.out, "      sets cookies: %s\n", strings.Join(names(r.Sets), " "))
	}
}

// names shortens cookie names, which carry a key.
func names(cookies []string) []string {
	out := make([]string, len(cookies))
	for i, c := range cookies {
		out[i] = c
		if len(c) > 24 {
			out[i] = c[:24] + "…"
		}
	}
	return out
}

// secrets are parameters whose values are cut when they are shown.
var secrets = []string{"code", "state", "nonce", "code_challenge", "code_verifier", "client_secret", "access_token", "id_token", "refresh_token", "tx", "token"}

// shorten makes an address fit to be shown: no whole secret, no endless query.
func shorten(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.RawQuery == "" {
		return address
	}
	var parts []string
	for name, value := range shortenValues(u.Query()) {
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	u.RawQuery = ""
	return u.String() + "?" + strings.Join(parts, "&")
}

func shortenValues(q url.Values) map[string]string {
	out := map[string]string{}
	for name := range q {
		value := q.Get(name)
		switch {
		case slices.Contains(secrets, name) && len(value) > 6:
			value = value[:6] + "…"
		case len(value) > 60:
			value = value[:60] + "…"
		}
		out[name] = value
	}
	return out
}
