package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// call is one request on its way through a route.
type call struct {
	server *Server
	gin    *gin.Context
	route  *route
	rec    *recorder
	who    *caller
	shell  bool
	asked  url.Values
	leave  func() // ends the turn of a big request
}

func (c *call) ctx() context.Context { return c.gin.Request.Context() }

// path is a part of the path.
func (c *call) path(name string) string { return c.gin.Param(name) }

// key reads a part of the path that is an api.Key.
func (c *call) key(name string) (string, error) {
	value, err := api.FromKey(c.path(name))
	if err != nil {
		return "", notFound("%s is the name in base64url without padding", name)
	}
	return value, nil
}

// query is a parameter, or "".
func (c *call) query(name string) string { return c.asked.Get(name) }

// flag is a parameter that is true or false.
func (c *call) flag(name string) bool { return c.asked.Get(name) == "true" }

// flags are the parameters that are true or false; limits and times are read by limit
// and moment.
var flags = []string{"plan", "force", "dry_run", "disabled", "offline"}

// checkQuery refuses what no route reads: who misspells force or plan must not be
// answered as if they had not asked.
func (c *call) checkQuery() error {
	raw := c.gin.Request.URL.RawQuery
	if strings.Contains(raw, ";") {
		return badRequest("the query is malformed")
	}
	var err error
	if c.asked, err = url.ParseQuery(raw); err != nil {
		return badRequest("the query is malformed")
	}
	known := c.route.parameters()
	for name, values := range c.asked {
		switch value := values[0]; {
		case !slices.Contains(known, name):
			return badRequest("there is no parameter %.40q here", name)
		case len(values) > 1:
			return badRequest("%s is given twice", name)
		case len(value) > 1024 || !oauth.CleanText(value):
			return badRequest("%s is too long, or has characters that do not belong there", name)
		case slices.Contains(flags, name) && value != "true" && value != "false":
			return badRequest("%s is true or false", name)
		case name == "force" && value == "true" && !c.shell:
			return problem(http.StatusForbidden, api.OwnersOnly, "only the shell of the machine itself may force (handstamp … --force)")
		}
	}
	return nil
}

// parameters lists what a route reads from the query.
func (r *route) parameters() []string {
	list := strings.Fields(r.query)
	if r.changes {
		list = append(list, "plan", "reason", "force")
	}
	if r.reason {
		list = append(list, "reason")
	}
	return list
}

// reason is why, in the caller's words.
func (c *call) reason() string { return c.query("reason") }

// moment reads a time; zero where none is given.
func (c *call) moment(name string) (time.Time, error) {
	text := c.query(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, badRequest("%s is not a time such as 2026-01-31T12:00:00Z", name)
	}
	return t, nil
}

// actor names the caller for the audit.
func (c *call) actor() storage.Actor {
	kind := "admin"
	if c.who.kind == api.KindMachine {
		kind = "client"
	}
	ip := ""
	if !c.shell {
		ip = c.gin.ClientIP()
	}
	return storage.Actor{Kind: kind, ID: c.who.id(), IP: ip, RequestID: c.rec.reference, Why: c.reason()}
}

// mustBeFresh asks a person for a sign-in of the last minutes (A12).
func (c *call) mustBeFresh() error {
	if c.who.fresh(c.server.now()) {
		return nil
	}
	p := challenge(http.StatusForbidden, api.ReauthRequired, "insufficient_user_authentication", "sign in again: this needs a sign-in of the last five minutes", "")
	p.header["Www-Authenticate"][0] += `, max_age="` + strconv.Itoa(int(freshFor.Seconds())) + `"` // RFC 9470 §3
	return p
}

// body reads the JSON of a request into a type of its own, strictly: a name that is
// unknown, doubled, null or spelled otherwise is refused (A06).
func body[T any](c *call) (*T, error) {
	b, err := c.bytes("application/json")
	if err != nil {
		return nil, err
	}
	in := new(T)
	if problems := directory.ParseJSON(b, in); len(problems) > 0 {
		return nil, faults(http.StatusBadRequest, api.BadRequest, problems)
	}
	return in, nil
}

// noBody is for routes that are told everything by their address.
func (c *call) noBody() error {
	b, err := c.read()
	if err == nil && len(b) > 0 {
		err = badRequest("there is nothing to say in a body here")
	}
	return err
}

// optional is body for routes that may be called without one.
func optional[T any](c *call) (*T, error) {
	if c.gin.Request.ContentLength == 0 {
		return new(T), nil
	}
	return body[T](c)
}

// file reads a body of any type.
func (c *call) file() ([]byte, error) { return c.read() }

func (c *call) bytes(want string) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(c.gin.GetHeader("Content-Type"))
	if err != nil || kind != want || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, problem(http.StatusUnsupportedMediaType, api.WrongContent, "the body must be "+want)
	}
	return c.read()
}

func (c *call) read() ([]byte, error) {
	limit := int64(maxBody)
	if c.route.big {
		limit = maxBig
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.rec, c.gin.Request.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, problem(http.StatusRequestEntityTooLarge, api.TooLarge, "the body may have "+strconv.FormatInt(limit>>20, 10)+" MiB")
	}
	if err != nil {
		return nil, badRequest("the body could not be read")
	}
	if c.route.big { // once it is here: nobody holds the turn by sending slowly
		c.leave, err = c.server.turn(c.ctx())
	}
	return b, err
}

// json answers.
func (c *call) json(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.gin.Data(status, "application/json", b)
	return nil
}

// empty answers that it is done.
func (c *call) empty() error {
	c.gin.Status(http.StatusNoContent)
	c.gin.Writer.WriteHeaderNow()
	return nil
}

// patience is how long a big request waits for its turn.
const patience = 20 * time.Second

// turn lets one big request in after the other: a document of 16 MiB is some hundred MiB
// while it is compared, and whoever may only look may send one (A17).
func (s *Server) turn(ctx context.Context) (leave func(), err error) {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case s.big <- struct{}{}:
		return func() { <-s.big }, nil
	case <-wait.C:
	case <-ctx.Done():
	}
	return nil, problem(http.StatusServiceUnavailable, api.Unavailable, "somebody else's document is being looked at; try again in a moment")
}
