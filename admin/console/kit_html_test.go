package console_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func parse(t testing.TB, body string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// formsOf lists where the forms of a page post to.
func formsOf(t testing.TB, body string) (all []string) {
	t.Helper()
	for n := range parse(t, body).Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && strings.EqualFold(attribute(n, "method"), "post") {
			all = append(all, attribute(n, "action"))
		}
	}
	return all
}

// linksOf lists where the links of a page lead, each once.
func linksOf(t testing.TB, body string) (all []string) {
	t.Helper()
	seen := map[string]bool{}
	for n := range parse(t, body).Descendants() {
		if to := attribute(n, "href"); n.Type == html.ElementNode && n.Data == "a" && to != "" && !seen[to] && !strings.HasPrefix(to, "#") {
			seen[to] = true
			all = append(all, to)
		}
	}
	return all
}
