package persona

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// Cancel, as the person given to SignIn, presses the page's Cancel button.
const Cancel = ""

// PageError is what SignIn returns when the persona keeps the browser: it
// shows a page instead of sending the browser back.
type PageError struct {
	Status  int
	Message string // what the page says
}

func (e *PageError) Error() string {
	return fmt.Sprintf("the persona's page (HTTP %d) says: %s", e.Status, e.Message)
}

// SignIn plays a person's browser at the persona: it opens authorizeURL,
// presses the button of the user (User.ID, or Cancel) if a sign-in page is
// shown, and returns the address at which the persona sends the browser back
// to the relying party, without opening it. A form_post answer is returned
// with its fields as query.
//
// A nil client is a fresh browser. One with a cookie jar comes back with the
// session of last time; its transport is used too.
func SignIn(ctx context.Context, client *http.Client, authorizeURL, user string) (*url.URL, error) {
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if client != nil {
		browser.Transport, browser.Jar, browser.Timeout = client.Transport, client.Jar, client.Timeout
	}
	if browser.Jar == nil {
		browser.Jar, _ = cookiejar.New(nil) // never fails without options
	}

	answer, err := visit(ctx, browser, http.MethodGet, authorizeURL, nil)
	if err != nil {
		return nil, fmt.Errorf("open the sign-in page: %w", err)
	}
	if answer.form == "" || answer.back != nil {
		return answer.done()
	}
	press := url.Values{"user": {user}}
	if user == Cancel {
		press = url.Values{"cancel": {"1"}}
	}
	answer, err = visit(ctx, browser, http.MethodPost, answer.form, press)
	if err != nil {
		return nil, fmt.Errorf("press a button of the sign-in page: %w", err)
	}
	return answer.done()
}

// seen is what a browser sees.
type seen struct {
	status int
	back   *url.URL // where it is sent, or the relying party that a form goes to
	form   string   // address of the sign-in form
	alert  string
}

func (s seen) done() (*url.URL, error) {
	if s.back == nil {
		return nil, &PageError{s.status, s.alert}
	}
	return s.back, nil
}

var (
	formTag  = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	alertTag = regexp.MustCompile(`id="(?:alert|message)">([^<]*)</p>`)
	inputTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

func visit(ctx context.Context, browser *http.Client, method, to string, form url.Values) (seen, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return seen{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	if err != nil {
		return seen{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return seen{}, err
	}

	out := seen{status: resp.StatusCode}
	if location := resp.Header.Get("Location"); location != "" {
		out.back, err = req.URL.Parse(location)
		return out, err
	}
	if m := alertTag.FindSubmatch(body); m != nil {
		out.alert = html.UnescapeString(string(m[1]))
	}
	m := formTag.FindSubmatch(body)
	if m == nil {
		return out, nil
	}
	action, err := req.URL.Parse(html.UnescapeString(string(m[1])))
	if err != nil {
		return out, err
	}
	fields := inputTag.FindAllSubmatch(body, -1)
	if len(fields) == 0 {
		if method == http.MethodGet {
			out.form = action.String()
		}
		return out, nil
	}
	q := action.Query()
	for _, f := range fields {
		q.Add(html.UnescapeString(string(f[1])), html.UnescapeString(string(f[2])))
	}
	action.RawQuery = q.Encode()
	out.back = action
	return out, nil
}
