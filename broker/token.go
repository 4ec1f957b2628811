package broker

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
)

// token is the token endpoint (RFC 6749 §3.2): who is the client, what does it
// prove, and only then the coin.
func (b *Broker) token(c *gin.Context) error {
	form, dir, client, err := b.clientRequest(c)
	if err != nil {
		return err
	}
	r := &grant.Request{Desk: b.desk, Form: form, Client: client, Snapshot: dir.Snapshot, Actor: actor(c, "client", client.ID),
		Upstreams: dir.Upstreams}
	b.beginPassword(c, r)
	answer, err := r.Answer(c.Request.Context())
	rec(c).grant, rec(c).login = r.Seen.Grant, r.Seen.Login
	b.endPassword(c, r, err)
	var held *providers.Held
	if errors.As(err, &held) {
		return tooMany(c, held.Wait)
	}
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, answer)
	return nil
}

// clientRequest is what token and revocation share: a plain form, an authenticated
// client, and CORS for the origins of that client only.
func (b *Broker) clientRequest(c *gin.Context) (url.Values, *Directory, *directory.Client, error) {
	form, oerr := readForm(c)
	if oerr != nil {
		return nil, nil, nil, oerr
	}
	rec(c).grantType = form.Get("grant_type")
	b.follow(c, b.inCode(form))
	dir := b.dir.Load()
	name := grant.Named(c.Request.Header["Authorization"], form)
	if wait := b.guesses.wait(name, c.ClientIP()); wait > 0 {
		return nil, nil, nil, tooMany(c, wait)
	}
	client, oerr := b.desk.Authenticate(c.Request.Context(), dir.Snapshot, c.Request.Header["Authorization"], form)
	if oerr != nil {
		// A public client has no secret to guess; counting would only hold up its people.
		if named, known := b.desk.Client(dir.Snapshot, name); oerr.Code == oauth.InvalidClient && !(known && named.Public) {
			b.guesses.failed(name, c.ClientIP())
		}
		return nil, nil, nil, oerr
	}
	rec(c).client = client.ID
	if !b.allowOrigin(c, client) {
		return nil, nil, nil, oauth.E(oauth.InvalidRequest, "this origin is not registered for the client")
	}
	return form, dir, client, nil
}
