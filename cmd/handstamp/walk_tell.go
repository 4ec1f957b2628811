package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
	Query     map[string]string `json:"query,omitempty"`
	Carries   []string          `json:"carries_cookies,omitempty"`
	Form      map[string]string `json:"form,omitempty"`
	Status    int               `json:"status,omitempty"`
	Location  string            `json:"location,omitempty"`
	Answer    map[string]string `json:"location_query,omitempty"`
	Challenge string            `json:"www_authenticate,omitempty"`
	Sets      []string          `json:"sets_cookies,omitempty"`
	Clears    []string          `json:"clears_cookies,omitempty"`
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
	w.sayPairs("with", r.Query)
	w.sayPairs("form", r.Form)
	w.sayList("carries cookies", r.Carries)
	answer := fmt.Sprintf("      ← %d", r.Status)
	if r.Status == 0 {
		answer = "      ← no answer"
	}
	if r.Location != "" {
		answer += ", go to " + r.Location
	}
	fmt.Fprintln(w.out, answer)
	w.sayPairs("with", r.Answer)
	if r.Challenge != "" {
		fmt.Fprintf(w.out, "        WWW-Authenticate: %s\n", r.Challenge)
	}
	w.sayList("sets cookies", r.Sets)
	w.sayList("clears cookies", r.Clears)
}

// sayPairs prints parameters, a few to a line.
func (w *walker) sayPairs(what string, pairs map[string]string) {
	const width = 100
	line := ""
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		word := name + "=" + pairs[name]
		if line != "" && len(line)+len(word) > width {
			fmt.Fprintf(w.out, "        %s %s\n", what, line)
			what, line = strings.Repeat(" ", len(what)), ""
		}
		line = strings.TrimSpace(line + "  " + word)
	}
	if line != "" {
		fmt.Fprintf(w.out, "        %s %s\n", what, line)
	}
}

// sayList prints cookie names, shortened: they carry a key.
func (w *walker) sayList(what string, cookies []string) {
	if len(cookies) == 0 {
		return
	}
	short := make([]string, len(cookies))
	for i, c := range cookies {
		short[i] = c
		if len(c) > 24 {
			short[i] = c[:24] + "…"
		}
	}
	fmt.Fprintf(w.out, "        %s: %s\n", what, strings.Join(short, " "))
}

// secrets are parameters whose values are cut when they are shown.
var secrets = []string{"code", "state", "nonce", "code_challenge", "code_verifier", "client_secret", "access_token", "id_token", "refresh_token", "tx", "token"}

// bare is an address without its query, which is shown apart.
func bare(u *url.URL) string {
	short := *u
	short.RawQuery = ""
	return short.String()
}

// shortenValues makes parameters fit to be shown: no whole secret, no endless value.
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
