package bff

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
)

// doors are the only requests that the page may make of the API. What is not here
// does not exist: the access token opens more than this page needs.
var doors = []struct{ method, path string }{
	{http.MethodGet, "/items"},
	{http.MethodPost, "/items"},
}

// pass hands a request on to the API with the session's access token. Nothing of the
// browser's request goes along but an item: no cookie, no header, no query.
func (a *app) pass(d struct{ method, path string }) func(http.ResponseWriter, *http.Request, *session) {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		var body []byte
		if d.method == http.MethodPost {
			if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
				refuse(w, http.StatusUnsupportedMediaType, "not_json")
				return
			}
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				refuse(w, http.StatusRequestEntityTooLarge, "too_large")
				return
			}
		}
		token, err := a.access(r.Context(), s)
		if err != nil {
			a.notRenewed(w, r, err)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), d.method, strings.TrimSuffix(a.APIURL, "/")+d.path, bytes.NewReader(body))
		if err != nil {
			a.noAnswer(w, err.Error())
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", "application/json")
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := a.HTTPClient.Do(req)
		if err != nil {
			a.noAnswer(w, short(err))
			return
		}
		defer res.Body.Close()
		a.passBack(w, res)
	}
}

// passBack hands the API's answer to the page: its status, its reason, its JSON.
func (a *app) passBack(w http.ResponseWriter, res *http.Response) {
	const most = 1 << 20
	answer, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || len(answer) > most || kind != "application/json" || res.StatusCode < 200 || res.StatusCode/100 == 3 {
		a.noAnswer(w, "the API's answer is not one: "+res.Status)
		return
	}
	if challenge := res.Header.Get("WWW-Authenticate"); challenge != "" { // RFC 6750 §3
		w.Header().Set("WWW-Authenticate", challenge)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
}

func (a *app) noAnswer(w http.ResponseWriter, cause string) {
	a.Logger.Warn("ask the API", "cause", cause)
	refuse(w, http.StatusBadGateway, "api_does_not_answer")
}
