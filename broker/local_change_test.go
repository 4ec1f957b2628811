package broker_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// meanwhile is the provider of this house, where something happens between the moment
// a password was found right and the moment the sign-in is written.
type meanwhile struct {
	providers.Provider
	happens func()
}

func (m meanwhile) Finish(ctx context.Context, a providers.Attempt, answer url.Values) (*providers.Identity, error) {
	id, err := m.Provider.Finish(ctx, a, answer)
	if err == nil {
		m.happens()
	}
	return id, err
}

func (m meanwhile) CheckPassword(ctx context.Context, login, typed, address string) (*providers.Identity, error) {
	id, err := m.Provider.(providers.PasswordChecker).CheckPassword(ctx, login, typed, address)
	if err == nil {
		m.happens()
	}
	return id, err
}

// Somebody who knows a password and signs in again and again must not have a session
// left when it is changed: what was under way with the old one is refused as well.
func TestALoginUnderWayDoesNotOutliveThePassword(t *testing.T) {
	k := newKit(t, withLocal, withPasswordGrant)
	k.member("alice")
	k.member("bob", careful)
	happens := func(login string) {
		dir := k.compile(t)
		dir.Upstreams["local"] = meanwhile{dir.Upstreams["local"], func() {
			k.clock.Advance(time.Millisecond)
			a := k.accountOf(login)
			hash, err := password.Hash(t.Context(), goodPassword+" anew")
			if err != nil {
				t.Fatal(err)
			}
			if err := k.db.SetPassword(t.Context(), storage.Actor{Kind: "admin"}, "local", a.Subject, hash); err != nil {
				t.Fatal(err)
			}
		}}
		if err := k.broker.Swap(dir); err != nil {
			t.Fatal(err)
		}
	}
	calm := func() {
		if err := k.broker.Swap(k.compile(t)); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(login string) {
		t.Helper()
		sessions, err := k.db.SessionsOf(t.Context(), k.accountOf(login).User.ID)
		if err != nil || len(sessions) != 0 {
			t.Errorf("%s has %d sessions after the change; %v", login, len(sessions), err)
		}
	}

	l, b := k.login("web"), k.browser()
	page := l.door(b)
	happens("alice")
	l.mustGoBack(k.fill(b, page, "username", "alice", "password", goodPassword).to(t), oauth.LoginRequired)
	nothing("alice")

	l, b = k.login("web"), k.browser()
	calm()
	page = k.fill(b, l.door(b), "username", "bob", "password", goodPassword)
	happens("bob")
	l.mustGoBack(k.fill(b, page, "code", codeAt(k.clock.Now())).to(t), oauth.LoginRequired)
	nothing("bob")

	happens("alice")
	mustFail(t, k.login("desk").password("alice", goodPassword+" anew"), 400, oauth.InvalidGrant)
	nothing("alice")

	calm()
	l, b = k.login("web"), k.browser()
	l.code(k.fill(b, l.door(b), "username", "alice", "password", goodPassword+" anew").to(t))
}
