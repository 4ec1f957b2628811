package broker

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
)

// handler is a route that returns its error; one exit per surface writes it.
type handler func(*gin.Context) error

// pageError is shown to the person: no redirect is trusted (yet).
type pageError struct {
	status   int
	sentence string // for the person
	restart  string // where to begin again, or ""
	cause    error  // for the operator
	aside    bool   // it is no step of the login that it seems to belong to
}

func (e *pageError) Error() string { return e.sentence }
func (e *pageError) Unwrap() error { return e.cause }

// sorry is what a person is told when the fault is ours.
const sorry = "Something went wrong on our side. Please try again."

func refuse(status int, sentence string, cause error) error {
	return &pageError{status: status, sentence: sentence, cause: cause}
}

// backError goes back to the app: its redirect URI was checked.
type backError struct {
	request *oauth.AuthRequest
	err     *oauth.Error
}

func (e *backError) Error() string { return e.err.Error() }
func (e *backError) Unwrap() error { return e.err }

func back(r *oauth.AuthRequest, err *oauth.Error) error { return &backError{r, err} }

// backRefusal tells the app that policy said no; the operator learns why.
func backRefusal(r *oauth.AuthRequest, refusal *directory.Refusal) error {
	code := refusal.Code
	if code == "" {
		code = oauth.AccessDenied
	}
	return back(r, oauth.E(code, refusal.ForPerson).Because(errors.New(refusal.ForOperator)))
}

// page is the exit of everything a person looks at.
func (b *Broker) page(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		if err == nil {
			return
		}
		var be *backError
		switch {
		case !errors.As(err, &be):
		case be.request.Place == oauth.PlaceTest:
			err = b.testFailed(c, be)
		case be.request.Place == oauth.PlaceAccount, be.request.Place == oauth.PlaceLink:
			err = b.refuseAtAccount(be.err)
		default:
			b.told(c, http.StatusSeeOther, be.err)
			err = b.respond(c, be.request, url.Values{"error": {be.err.Code}, "error_description": {b.referred(c, be.err)}})
		}
		if err != nil {
			b.showError(c, err)
		}
	}
}

// showError writes the page for the person: one sentence, a reference, no detail.
func (b *Broker) showError(c *gin.Context, err error) {
	pe := &pageError{status: http.StatusInternalServerError, sentence: sorry, cause: err}
	var oe *oauth.Error
	if !errors.As(err, &pe) && errors.As(err, &oe) {
		pe = &pageError{status: http.StatusBadRequest, sentence: "This sign-in request cannot be used. Please go back to the app and try again.", cause: oe}
		if oe.Status != 0 {
			pe.status = oe.Status
		}
	}
	code := ""
	if errors.As(err, &oe) {
		code = oe.Code
	}
	note(c, code, err)
	if pe.cause != nil {
		rec(c).cause = pe.cause
	}
	if pe.aside {
		aside(c)
	}
	b.failed(c, pe.status, code, rec(c).cause)
	if pe.status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "5")
	}
	if err := b.speak(c).Error(c.Writer, pe.status, page.ErrorPage{Title: "That did not work", Sentence: pe.sentence, Code: code,
		Reference: rec(c).reference, RestartHref: pe.restart}); err != nil {
		b.log.Error("error page", "reference", rec(c).reference, "cause", err)
	}
}

// json is the exit of the endpoints that clients call (RFC 6749 §5.2).
func (b *Broker) json(h handler) gin.HandlerFunc {
	return api(h, http.StatusBadRequest, func(c *gin.Context, status int, _ *oauth.Error) {
		if status == http.StatusUnauthorized {
			c.Header("WWW-Authenticate", `Basic realm="handstamp", charset="UTF-8"`)
		}
	})
}

// bearer is the exit of endpoints that take an access token (RFC 6750 §3).
func (b *Broker) bearer(h handler) gin.HandlerFunc {
	return api(h, http.StatusUnauthorized, func(c *gin.Context, status int, e *oauth.Error) {
		challenge := `Bearer realm="handstamp"`
		if e.Code != "" {
			challenge += `, error="` + e.Code + `", error_description="` + e.Description + `"`
		}
		switch status {
		case http.StatusForbidden:
			challenge += `, scope="openid"`
			fallthrough
		case http.StatusUnauthorized, http.StatusBadRequest:
			c.Header("WWW-Authenticate", challenge)
		}
	})
}

// api runs a handler whose errors are JSON. usual is the status of an error that
// names none; challenge adds what its surface says in WWW-Authenticate.
func api(h handler, usual int, challenge func(*gin.Context, int, *oauth.Error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		noStore(c)
		err := h(c)
		if err == nil {
			return
		}
		e := asOAuth(err)
		note(c, e.Code, e)
		status := e.Status
		if status == 0 {
			status = usual
		}
		if status == http.StatusServiceUnavailable {
			c.Header("Retry-After", "5")
		}
		challenge(c, status, e)
		if e.Code == "" { // RFC 6750 §3.1: who sent no token at all is told no error
			empty(c, status)
			return
		}
		writeJSON(c, status, map[string]string{"error": e.Code, "error_description": e.Description})
	}
}

// told notes what an app or a person is told, and that it ends the login.
func (b *Broker) told(c *gin.Context, status int, e *oauth.Error) {
	note(c, e.Code, e)
	b.failed(c, status, e.Code, rec(c).cause)
}

// replayed refuses what was answered before, here or in another browser. It changes
// nothing about the login that was.
func replayed(status int, sentence string, cause error) error {
	return &pageError{status: status, sentence: sentence, cause: cause, aside: true}
}

// unavailable answers a storage failure: 503 and try again, never a false success.
func unavailable(err error) error { return grant.Unavailable(err) }

func asOAuth(err error) *oauth.Error {
	var e *oauth.Error
	if errors.As(err, &e) {
		return e
	}
	e = oauth.E(oauth.ServerError, "something went wrong").Because(err)
	e.Status = http.StatusInternalServerError
	return e
}

func note(c *gin.Context, code string, err error) {
	r := rec(c)
	r.code, r.cause = code, cause(err)
}

// cause is what an error says to the operator.
func cause(err error) error {
	if under := errors.Unwrap(err); under != nil {
		return under
	}
	return err
}

// empty answers with a status alone.
func empty(c *gin.Context, status int) {
	c.Status(status)
	c.Writer.WriteHeaderNow()
}

func noStore(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Pragma", "no-cache")
	c.Header("X-Content-Type-Options", "nosniff")
}

func writeJSON(c *gin.Context, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	c.Data(status, "application/json", body)
}

func notFound(*gin.Context) error {
	return refuse(http.StatusNotFound, "There is nothing at this address.", nil)
}

func wrongMethod(*gin.Context) error {
	return refuse(http.StatusMethodNotAllowed, "This address does not take requests of this kind.", nil)
}
