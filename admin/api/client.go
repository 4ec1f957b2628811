package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client speaks to the administration API. Its methods return a *Problem where the API
// refused, see IsConflict and its neighbours.
type Client struct {
	base string
	http *http.Client
}

// New returns a client for the API at baseURL, such as http://127.0.0.1:8081. The token,
// or the Unix socket, is the business of hc's transport; see Bearer.
func New(baseURL string, hc *http.Client) *Client {
	if hc == nil {
		hc = &http.Client{Timeout: time.Minute}
	}
	return &Client{base: strings.TrimSuffix(baseURL, "/") + Base, http: hc}
}

// Bearer is a transport that shows an access token.
func Bearer(token string, next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &bearer{token, next}
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// Key is how a name that may have any character stands in a path: the id of a resource,
// the name of a rule, a subject.
func Key(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

// FromKey reads a Key.
func FromKey(key string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if err != nil || len(b) == 0 {
		return "", errors.New("this is no key")
	}
	return string(b), nil
}

// maxAnswer is the largest answer that is read: a whole directory, or an export.
const maxAnswer = 64 << 20

// call is one request.
type call struct {
	method, path string // path below Base, escaped
	query        url.Values
	body         any
	raw          io.Reader // instead of body
	kind         string    // of raw
	ifMatch      int64
	matches      bool // send If-Match
}

// do sends a call and reads the answer into out; nil: there is nothing to read.
func (c *Client) do(ctx context.Context, k call, out any) error {
	resp, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// send sends a call; what is no success becomes a *Problem.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	address := c.base + k.path
	if q := k.query.Encode(); q != "" {
		address += "?" + q
	}
	body, kind := k.raw, k.kind
	if k.body != nil {
		b, err := json.Marshal(k.body)
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if k.matches {
		req.Header.Set("If-Match", ETag(k.ifMatch))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(resp)
}

func problem(resp *http.Response) *Problem {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	p := &Problem{}
	if err != nil || kind != "application/problem+json" || json.Unmarshal(body, p) != nil || p.Status != resp.StatusCode {
		return unreadable(resp.StatusCode)
	}
	return p
}

// ETag is the entity tag of a revision.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// get reads one thing.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	return with[T](ctx, c, call{method: http.MethodGet, path: path, query: query})
}

// with makes a call that answers with one thing.
func with[T any](ctx context.Context, c *Client, k call) (*T, error) {
	out := new(T)
	if err := c.do(ctx, k, out); err != nil {
		return nil, err
	}
	return out, nil
}

// values makes a query, leaving out what is empty.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func (o ListOptions) values(pairs ...string) url.Values {
	q := values(append(pairs, "cursor", o.Cursor)...)
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	return q
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// All reads every page of a list.
func All[T any](list func(ListOptions) (*Page[T], error)) ([]T, error) {
	all := []T{}
	o := ListOptions{Limit: 200}
	for {
		page, err := list(o)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if o.Cursor = page.Next; o.Cursor == "" {
			return all, nil
		}
	}
}
