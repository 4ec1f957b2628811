package console

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type visitKey struct{}

// visit is one request of one person: what a handler may read, write and show.
type visit struct {
	c         *Console
	w         http.ResponseWriter
	r         *http.Request
	session   *session // nil: nobody is signed in
	me        me
	reference string
	cause     error
}

// me is who the API says that we are.
type me struct {
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	Sub     string    `json:"sub"`
	Role    string    `json:"role"`
	Scopes  []string  `json:"scopes"`
	Link    bool      `json:"link"`
	Expires time.Time `json:"expires"`
}

// recognise asks the API who has this session, after renewing its token if need be.
func (c *Console) recognise(v *visit) error {
	if v.session == nil {
		return errSignedOut
	}
	if err := c.renew(v); err != nil {
		return err
	}
	if err := v.read("/me", nil, &v.me); err != nil {
		return err
	}
	return nil
}

// Can tells whether this person's role allows something, such as "directory:write".
func (v *visit) Can(scope string) bool { return slices.Contains(v.me.Scopes, "handstamp:"+scope) }

// arg is a part of the address, such as {sub}.
func (v *visit) arg(name string) string { return v.r.PathValue(name) }

// query is one value behind the question mark, cut to what a person would type.
func (v *visit) query(name string) string {
	return strings.TrimSpace(first(v.r.URL.Query()[name], 512))
}

// typed is one value of the form.
func (v *visit) typed(name string) string {
	return strings.TrimSpace(first(v.r.PostForm[name], mostForm))
}

func first(values []string, most int) string {
	if len(values) == 0 || len(values[0]) > most {
		return ""
	}
	return strings.ToValidUTF8(values[0], "")
}

// read asks the API for something.
func (v *visit) read(path string, query url.Values, out any) error {
	_, err := v.call(http.MethodGet, path, query, "", nil, out)
	return err
}

// readTagged is read, and gives the ETag that a later write has to send.
func (v *visit) readTagged(path string, query url.Values, out any) (etag string, err error) {
	h, err := v.call(http.MethodGet, path, query, "", nil, out)
	return h.Get("ETag"), err
}

// write asks the API to change something. etag may be "".
func (v *visit) write(method, path string, query url.Values, etag string, in, out any) error {
	_, err := v.call(method, path, query, etag, in, out)
	return err
}

// problem is an API error (RFC 9457).
type problem struct {
	Type     string        `json:"type"`
	Title    string        `json:"title"`
	Status   int           `json:"status"`
	Detail   string        `json:"detail"`
	Instance string        `json:"instance"`
	Problems []problemLine `json:"problems"`
}

// problemLine is what is wrong with one part of what was sent.
type problemLine struct {
	Path string `json:"path"`
	Text string `json:"text"`
	Fix  string `json:"fix"`
}

func (p *problem) Error() string {
	return strconv.Itoa(p.Status) + " " + p.Title + ": " + p.Detail
}

// is compares the last part of a problem's type.
func (p *problem) is(kind string) bool { return p.Type == kind || strings.HasSuffix(p.Type, "/"+kind) }

// problemOf finds the API's answer in an error.
func problemOf(err error) *problem {
	p, _ := errors.AsType[*problem](err)
	return p
}

const mostAnswer = 64 << 20

// call speaks to the API with the person's token; the cookie stays here (A10).
func (v *visit) call(method, path string, query url.Values, etag string, in, out any) (http.Header, error) {
	res, err := v.send(method, path, query, etag, in)
	if err != nil {
		return http.Header{}, err
	}
	defer res.Body.Close()
	dec := json.NewDecoder(http.MaxBytesReader(nil, res.Body, mostAnswer))
	if res.StatusCode >= 400 {
		p := &problem{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
		if err := dec.Decode(p); err != nil {
			p.Detail = "the answer was no JSON"
		}
		p.Status = res.StatusCode
		return res.Header, p
	}
	if out == nil || res.StatusCode == http.StatusNoContent {
		return res.Header, nil
	}
	if err := dec.Decode(out); err != nil {
		return res.Header, fmt.Errorf("read the API's answer to %s %s: %w", method, path, err)
	}
	return res.Header, nil
}

// send is call for answers that are handed on as they are, such as exports.
func (v *visit) send(method, path string, query url.Values, etag string, in any) (*http.Response, error) {
	var body bytes.Buffer
	if in != nil {
		if raw, ok := in.(json.RawMessage); ok {
			body.Write(raw)
		} else if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, fmt.Errorf("write for the API: %w", err)
		}
	}
	target := v.c.URL + "/api/v1" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(onBehalf(v.r), method, target, &body)
	if err != nil {
		return nil, fmt.Errorf("ask the API: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	if v.session != nil {
		req.Header.Set("Authorization", "Bearer "+v.session.Access)
	}
	res, err := v.c.api.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the API: %w", err)
	}
	return res, nil
}

// seeOther leads to another page of the console.
func (v *visit) seeOther(path string) error {
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// done leads on after a change and says there what happened.
func (v *visit) done(path, note string) error {
	v.c.jar.setFlash(v.w, note)
	return v.seeOther(path)
}

func newReference() string { return rand.Text()[:10] }

func cut(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
