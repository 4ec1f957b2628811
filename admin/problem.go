package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

// refusal is an answer that is no success, with what only the log learns.
type refusal struct {
	*api.Problem
	cause  error
	event  door.Event // "" where nothing is suspicious
	header http.Header
}

func (r *refusal) Error() string { return r.Problem.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// problem makes a refusal of one of the api's words.
func problem(status int, word, detail string) *refusal {
	return &refusal{Problem: &api.Problem{Type: api.TypeBase + word, Title: titles[word], Status: status, Detail: detail}}
}

// titles are the same for every problem of a word.
var titles = map[string]string{
	api.BadRequest:       "The request cannot be read",
	api.BadCursor:        "The cursor is not one of this list's",
	api.NoToken:          "An access token is needed",
	api.BadToken:         "The access token is not accepted",
	api.TooFewScopes:     "The caller may not do this",
	api.ReauthRequired:   "Sign in again first",
	api.OwnersOnly:       "Only an owner may do this",
	api.NotFound:         "There is no such thing",
	api.WrongMethod:      "This address does not take such requests",
	api.Exists:           "It exists already",
	api.LocksOut:         "Nobody could administer any more",
	api.LastOwner:        "There would be no owner left",
	api.IdentityTaken:    "It is somebody else's way to sign in",
	api.LastIdentity:     "There would be no way to sign in left",
	api.IssuerChanged:    "The slug is tied to another issuer",
	api.NotNow:           "It cannot be done as things are",
	api.LinkSpent:        "The link is spent",
	api.Conflict:         "Somebody else changed it meanwhile",
	api.TooLarge:         "The request is too large",
	api.WrongContent:     "The body is of another type",
	api.Invalid:          "This cannot be",
	api.BlockedAddress:   "The address may not be called",
	api.SecretNeeded:     "The secret is needed again",
	api.ReferenceRefused: "A reference may not be given over the network",
	api.NoIfMatch:        "If-Match is needed",
	api.Unavailable:      "The database is not available",
	api.Unknown:          "It is not known whether this happened",
	api.Internal:         "Something went wrong on our side",
}

func badRequest(format string, args ...any) error {
	return problem(http.StatusBadRequest, api.BadRequest, fmt.Sprintf(format, args...))
}

// invalid refuses what was understood and cannot be.
func invalid(format string, args ...any) error {
	return problem(http.StatusUnprocessableEntity, api.Invalid, fmt.Sprintf(format, args...))
}

// conflict refuses what does not go together with what is there.
func exists(format string, args ...any) error {
	return problem(http.StatusConflict, api.Exists, fmt.Sprintf(format, args...))
}

// notNow refuses what could be done if something else were so.
func notNow(format string, args ...any) error {
	return problem(http.StatusConflict, api.NotNow, fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return problem(http.StatusNotFound, api.NotFound, fmt.Sprintf(format, args...))
}

// faults is a refusal with everything that is wrong.
func faults(status int, word string, list []directory.Problem) *refusal {
	p := problem(status, word, "")
	p.Problems = tellFaults(list)
	return p
}

func tellFaults(list []directory.Problem) []api.Fault {
	var out []api.Fault
	for _, one := range list {
		out = append(out, api.Fault{Path: one.Path, Message: one.Message, Hint: one.Hint})
	}
	return out
}

// exit is the one way out of every route.
func (s *Server) exit(r *route, shell bool) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := &call{server: s, gin: g, route: r, shell: shell}
		c.rec, _ = g.Request.Context().Value(recorderKey{}).(*recorder)
		if err := s.answer(c); err != nil {
			refused := s.explainError(err)
			c.rec.cause, c.rec.event = refused.cause, refused.event
			for name, values := range refused.header {
				g.Writer.Header()[name] = values
			}
			s.write(c.rec, g.Writer, refused.Problem)
		}
	}
}

func (s *Server) answer(c *call) error {
	if err := s.admit(c); err != nil {
		return err
	}
	if err := c.checkQuery(); err != nil {
		return err
	}
	// What this node would change is not what the book has: "read it again" would not help.
	if state := s.book.State(); c.route.changes && state.Cause != "" && state.Newest > s.book.Current().Number {
		return problem(http.StatusServiceUnavailable, api.Unavailable, fmt.Sprintf("this node cannot run revision %d, so nothing can be changed by it: %s", state.Newest, state.Cause))
	}
	defer func() {
		if c.leave != nil {
			c.leave()
		}
	}()
	return c.route.does(s, c)
}

// write sends a problem (RFC 9457 §3).
func (s *Server) write(rec *recorder, w http.ResponseWriter, p *api.Problem) {
	told := *p
	told.Instance = rec.reference
	rec.kind = told.Kind()
	body, err := json.Marshal(&told)
	if err != nil {
		body = []byte(`{"type":"` + api.TypeBase + api.Internal + `","title":"Something went wrong on our side","status":` + strconv.Itoa(p.Status) + `}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a caller that went away is not our fault
}

// explainError turns an error of the rooms into what the caller is told.
func (s *Server) explainError(err error) *refusal {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused
	}
	var wrong *revision.Invalid
	if errors.As(err, &wrong) {
		return faults(http.StatusUnprocessableEntity, api.Invalid, wrong.Problems)
	}
	for _, row := range []struct {
		is     error
		status int
		word   string
		detail string
	}{
		{storage.ErrNotFound, http.StatusNotFound, api.NotFound, ""},
		{revision.ErrNoRevision, http.StatusNotFound, api.NotFound, "there is no such revision (any more)"},
		{revision.ErrConflict, http.StatusPreconditionFailed, api.Conflict, "read it again, and make the change on what is there now"},
		{revision.ErrIssuerChanged, http.StatusConflict, api.IssuerChanged, "people are known by the slug and their subject there: use a new slug for another issuer"},
		{revision.ErrReference, http.StatusUnprocessableEntity, api.ReferenceRefused, revision.ErrReference.Error()},
		{revision.ErrRetype, http.StatusUnprocessableEntity, api.SecretNeeded, revision.ErrRetype.Error()},
		{revision.ErrPrivate, http.StatusUnprocessableEntity, api.BlockedAddress, revision.ErrPrivate.Error()},
		{revision.ErrNeedsOwner, http.StatusForbidden, api.OwnersOnly, revision.ErrNeedsOwner.Error()},
		{revision.ErrLocksOut, http.StatusConflict, api.LocksOut, revision.ErrLocksOut.Error()},
		{storage.ErrLastOwner, http.StatusConflict, api.LastOwner, storage.ErrLastOwner.Error()},
		{storage.ErrLastIdentity, http.StatusConflict, api.LastIdentity, storage.ErrLastIdentity.Error()},
		{storage.ErrTaken, http.StatusConflict, api.IdentityTaken, "somebody else got it meanwhile"},
		{storage.ErrOutcomeUnknown, http.StatusServiceUnavailable, api.Unknown, "look before you try again"},
		{storage.ErrUnavailable, http.StatusServiceUnavailable, api.Unavailable, "try again in a moment"},
	} {
		if errors.Is(err, row.is) {
			p := problem(row.status, row.word, row.detail)
			p.cause = err
			for _, at := range revision.Refusals(err) {
				p.Problems = append(p.Problems, api.Fault{Path: at.Path, Message: at.Err.Error()})
			}
			if row.word == api.Conflict {
				p.Revision = s.book.Current().Number
			}
			return p
		}
	}
	p := problem(http.StatusInternalServerError, api.Internal, "the log has more, by the reference")
	p.cause = err
	return p
}

// unauthorized answers like the guard (RFC 6750 §3).
func unauthorized(r *guard.Refusal) *refusal {
	word := map[int]string{http.StatusUnauthorized: api.BadToken, http.StatusForbidden: api.TooFewScopes, http.StatusBadRequest: api.BadRequest,
		http.StatusServiceUnavailable: api.Unavailable}[r.Status]
	if r.Code == "missing_token" {
		word = api.NoToken
	}
	p := problem(r.Status, word, r.Description)
	p.cause = r.Cause
	if errors.Is(r.Cause, tokens.ErrInvalid) && !errors.Is(r.Cause, tokens.ErrExpired) {
		p.event = door.EventAdminToken
	}
	if r.Challenge != "" {
		p.header = http.Header{"Www-Authenticate": {r.Challenge}}
	}
	return p
}

// challenge is a refusal with the challenge that belongs to it.
func challenge(status int, word, code, detail string, scope string) *refusal {
	p := problem(status, word, detail)
	text := `Bearer realm="handstamp administration", error="` + code + `", error_description="` + detail + `"`
	if scope != "" {
		text += `, scope="` + scope + `"`
	}
	p.header = http.Header{"Www-Authenticate": {text}}
	return p
}
