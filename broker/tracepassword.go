package broker

import (
	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// The password grant is a login without a browser; it leaves the same trace.

// beginPassword starts the trace, where the client may use the grant at all.
func (b *Broker) beginPassword(c *gin.Context, r *grant.Request) {
	if r.Form.Get("grant_type") != directory.GrantPassword || !r.Client.AllowsGrant(directory.GrantPassword) {
		return
	}
	scopes, _ := oauth.ParseScope(r.Form.Get("scope"))
	t := b.begin(c, r.Client.ID)
	t.visits(&visit{dir: &Directory{Snapshot: r.Snapshot, Revision: b.dir.Load().Revision}, client: r.Client, request: &oauth.AuthRequest{Scopes: scopes}})
	t.step(b.now(), storage.StepAsked, "")
}

// endPassword tells what came of it.
func (b *Broker) endPassword(c *gin.Context, r *grant.Request, err error) {
	t, seen := rec(c).trace, r.Seen
	if t == nil {
		return
	}
	if seen.Who != nil {
		t.recognised(seen.Who, seen.Subject)
		t.step(b.now(), storage.StepRecognised, "")
	}
	if seen.Judged {
		t.step(b.now(), storage.StepRules, "")
		t.decides(seen.Decided)
	}
	if err != nil {
		e := asOAuth(err)
		b.failed(c, e.Status, e.Code, cause(e))
		return
	}
	t.step(b.now(), storage.StepTokens, seen.Grant)
	b.ended(c, storage.LoginSignedIn, "", nil)
}
