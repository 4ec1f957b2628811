package storage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/handstamp/handstamp/storage"
)

const lease = time.Minute

// told lists "client sid" of every notice.
func (b *book) told() []string {
	b.Helper()
	all, err := b.Notices(b.Context(), "", 1000)
	b.must(err)
	var out []string
	for _, n := range all {
		out = append(out, n.ClientID+" "+n.SID)
	}
	slices.Sort(out)
	return out
}

// another lets a second client into a session.
func (b *book) another(s *storage.Session, client string) {
	b.Helper()
	g := b.grant(client)
	g.SID = s.SID
	b.must(b.IssueCode(b.Context(), actor, s.UserID, *g))
	_, err := b.TakeCode(b.Context(), actor, take(g, nil))
	b.must(err)
}

func TestWhateverEndsASessionNotesWhichAppsToTell(t *testing.T) {
	ends := map[string]func(b *book, s *storage.Session) error{
		"sign-out": func(b *book, s *storage.Session) error { return b.EndSession(b.Context(), actor, s.SID) },
		"disable":  func(b *book, s *storage.Session) error { return b.SetUserDisabled(b.Context(), actor, s.UserID, true) },
		"delete":   func(b *book, s *storage.Session) error { return b.EraseUser(b.Context(), actor, s.UserID, true) },
		"another person signs in": func(b *book, s *storage.Session) error {
			in := b.signInOf("sub-2", nil)
			in.EndSession = s.IDHash
			_, err := b.SignIn(b.Context(), actor, in)
			return err
		},
		"the provider says so": func(b *book, _ *storage.Session) error {
			_, err := b.EndUpstreamSessions(b.Context(), actor, storage.UpstreamLogout{ProviderID: b.provider, Subject: "sub-1", SessionID: "up", TokenHash: hash(), TokenExpires: b.clock.Now().Add(time.Minute)})
			return err
		},
	}
	for why, end := range ends {
		t.Run(why, func(t *testing.T) {
			eachBook(t, func(t *testing.T, b *book) {
				s, taken := b.login("sub-1", "web", offline)
				b.another(s, "notes")
				unredeemed := b.grant("never-came-back")
				unredeemed.SID = s.SID
				b.must(b.IssueCode(b.Context(), actor, s.UserID, *unredeemed))
				elsewhere, _ := b.login("sub-1", "phone", nil)
				b.must(end(b, s))
				want := []string{"notes " + s.SID, "web " + s.SID}
				if why != "sign-out" && why != "another person signs in" {
					want = []string{"notes " + s.SID, "phone " + elsewhere.SID, "web " + s.SID}
				}
				if got := b.told(); !slices.Equal(got, want) {
					t.Errorf("told %q, want %q", got, want)
				}
				for _, n := range must(b, func() ([]storage.Notice, error) { return b.Notices(b.Context(), "", 10) }) {
					if n.Subject != taken.Grant.User.Subject || n.UserID != s.UserID || n.Outcome != storage.NoticeWaiting {
						t.Errorf("a notice says %+v", n)
					}
				}
				select {
				case <-b.NoticesWaiting():
				default:
					t.Error("nobody was woken")
				}
				b.must(b.EndSession(b.Context(), actor, s.SID))
				if got := b.told(); !slices.Equal(got, want) {
					t.Errorf("a second end told %q", got)
				}
			})
		})
	}
}

func must[T any](b *book, get func() (T, error)) T {
	b.Helper()
	v, err := get()
	b.must(err)
	return v
}

func TestOnlyAppsThatWantItAreNoted(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		b.TellOfLogout(func(client string) bool { return client == "notes" })
		s, _ := b.login("sub-1", "web", nil)
		b.another(s, "notes")
		b.must(b.EndSession(t.Context(), actor, s.SID))
		if got := b.told(); !slices.Equal(got, []string{"notes " + s.SID}) {
			t.Errorf("told %q", got)
		}
	})
}

// An app knows a session by the sid of its ID token, whatever the session's sid became.
func TestAnAppIsToldOfTheSidItKnows(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		first, _ := b.login("sub-1", "web", nil)
		again := b.signInOf("sub-1", b.grant("notes"))
		again.EndSession = first.IDHash
		second, err := b.SignIn(t.Context(), actor, again)
		b.must(err)
		_, err = b.TakeCode(t.Context(), actor, take(again.Grant, nil))
		b.must(err)
		if got := b.told(); len(got) != 0 {
			t.Errorf("the same person went on, but apps were told: %q", got)
		}
		b.must(b.EndSession(t.Context(), actor, second.SID))
		want := []string{"notes " + second.SID, "web " + first.SID, "web " + second.SID}
		slices.Sort(want)
		if got := b.told(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestALongSessionRemembersItsApps(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		in := b.signInOf("sub-1", b.grant("web"))
		in.Session.ExpiresAt = b.clock.Now().Add(30 * 24 * time.Hour)
		s, err := b.SignIn(t.Context(), actor, in)
		b.must(err)
		_, err = b.TakeCode(t.Context(), actor, take(in.Grant, nil))
		b.must(err)
		b.clock.Advance(20 * 24 * time.Hour)
		must(b, func() (int64, error) { return b.Sweep(t.Context()) })
		b.must(b.EndSession(t.Context(), actor, s.SID))
		if got := b.told(); !slices.Equal(got, []string{"web " + s.SID}) {
			t.Errorf("told %q", got)
		}
		b.clock.Advance(48 * time.Hour)
		must(b, func() (int64, error) { return b.Sweep(t.Context()) })
		if _, err := b.Grant(t.Context(), in.Grant.ID); err == nil || len(b.told()) != 1 {
			t.Error("the dead grant goes, the notice stays until it is settled")
		}
	})
}

func TestADueNoticeHasOneHolderAmongAllNodes(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		const apps = 40
		s, _ := a.login("sub-1", "app-0", nil)
		for i := 1; i < apps; i++ {
			a.another(s, fmt.Sprintf("app-%d", i))
		}
		a.must(a.EndSession(t.Context(), actor, s.SID))
		got := make([][]storage.Notice, 20)
		for _, err := range race(20, func(i int) (err error) {
			got[i], err = []*book{a, b}[i%2].TakeNotices(t.Context(), 5, lease)
			return err
		}) {
			a.must(err)
		}
		seen := map[string]int{}
		for _, list := range got {
			if len(list) > 5 {
				t.Errorf("took %d at once", len(list))
			}
			for _, n := range list {
				seen[n.ID]++
				if n.Attempts != 1 || n.Lease == "" {
					t.Errorf("taken as %+v", n)
				}
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s has %d holders", id, n)
			}
		}
		if len(seen) < apps/2 {
			t.Errorf("only %d of %d were taken", len(seen), apps)
		}
		a.clock.Advance(2 * lease)
		again := must(a, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), apps, lease) })
		if len(again) != apps {
			t.Errorf("after the lease %d of %d can be taken: a holder that died must not keep them", len(again), apps)
		}
	})
}

func TestANoticeIsSettledOnlyByItsHolder(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.login("sub-1", "web", nil)
		b.must(b.EndSession(t.Context(), actor, s.SID))
		take := func() []storage.Notice {
			return must(b, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), 10, lease) })
		}
		look := func() storage.Notice {
			return must(b, func() ([]storage.Notice, error) { return b.Notices(t.Context(), "web", 10) })[0]
		}
		slow := take()[0]
		if more := take(); len(more) != 0 {
			t.Fatalf("a notice in hand was given out again: %+v", more)
		}
		b.clock.Advance(2 * lease)
		quick := take()[0]
		b.must(b.SettleNotice(t.Context(), actor, slow, storage.NoticeGaveUp, 500, "late"))
		b.must(b.PostponeNotice(t.Context(), slow, b.clock.Now().Add(time.Hour), 500, "late"))
		if n := look(); n.Outcome != storage.NoticeWaiting || n.Attempts != 2 || n.LastStatus != 0 {
			t.Errorf("one that lost its lease changed the notice: %+v", n)
		}
		b.must(b.PostponeNotice(t.Context(), quick, b.clock.Now().Add(time.Hour), 503, "the app answered 503"))
		if n := look(); n.LastStatus != 503 || n.LastError == "" || !n.DueAt.Equal(b.clock.Now().Add(time.Hour)) || len(take()) != 0 {
			t.Errorf("postponed as %+v", n)
		}
		b.clock.Advance(time.Hour)
		b.must(b.SettleNotice(t.Context(), actor, take()[0], storage.NoticeDelivered, 200, ""))
		if n := look(); n.Outcome != storage.NoticeDelivered || n.SettledAt.IsZero() || n.LastStatus != 200 || n.Attempts != 3 {
			t.Errorf("delivered as %+v", n)
		}
		if more := take(); len(more) != 0 {
			t.Errorf("a settled notice was given out: %+v", more)
		}
		b.clock.Advance(8 * 24 * time.Hour)
		must(b, func() (int64, error) { return b.Sweep(t.Context()) })
		if len(b.told()) != 0 {
			t.Error("a settled notice stays for ever")
		}
	})
}

// An app that is down costs its own notices time and nobody else's.
func TestADeadAppHoldsUpOnlyItself(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		for i := range 6 {
			s, _ := b.login(fmt.Sprintf("sub-%d", i), "dead", nil)
			if i == 5 {
				b.another(s, "alive")
			}
			b.must(b.EndSession(t.Context(), actor, s.SID))
		}
		took := must(b, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), 4, lease) })
		dead, alive := 0, 0
		var one storage.Notice
		for _, n := range took {
			if n.ClientID == "alive" {
				alive++
			} else {
				one, dead = n, dead+1
			}
		}
		if dead != 2 || alive != 1 {
			t.Errorf("took %d of the dead app and %d of the other", dead, alive)
		}
		if more := must(b, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), 4, lease) }); len(more) != 0 {
			t.Errorf("while two tries of an app are under way, %d more began", len(more))
		}
		b.must(b.PostponeNotice(t.Context(), one, b.clock.Now().Add(time.Hour), 0, "the app did not answer"))
		b.clock.Advance(2 * lease)
		if more := must(b, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), 9, lease) }); len(more) != 2 {
			t.Errorf("%d can be taken: what waits for a dead app waits as long as its last try", len(more)) // the two whose lease ended: its other one and alive's
		}
	})
}

func TestAnUndeliveredNoticeIsAudited(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.login("sub-1", "web", nil)
		b.must(b.EndSession(t.Context(), actor, s.SID))
		n := must(b, func() ([]storage.Notice, error) { return b.TakeNotices(t.Context(), 1, lease) })[0]
		b.must(b.SettleNotice(t.Context(), actor, n, storage.NoticeGaveUp, 0, "the app did not answer for a day"))
		if b.audited(storage.AuditLogoutUndelivered) != 1 {
			t.Error("giving up leaves no trace")
		}
	})
}

func TestU33_AnUpstreamLogoutTokenCountsOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *book) {
		token := storage.UpstreamLogout{ProviderID: a.provider, SessionID: "up", TokenHash: hash(), TokenExpires: a.clock.Now().Add(10 * time.Minute)}
		a.login("sub-1", "web", nil)
		n := tally(race(50, func(i int) error {
			_, err := []*book{a, b}[i%2].EndUpstreamSessions(t.Context(), actor, token)
			return err
		}))
		if n["won"] != 1 || n["replayed"] != 49 {
			t.Errorf("fifty copies: %v", n)
		}
		a.clock.Advance(time.Hour)
		must(a, func() (int64, error) { return a.Sweep(t.Context()) })
		if _, err := a.EndUpstreamSessions(t.Context(), actor, token); err != nil {
			t.Errorf("expired tokens are not kept for ever: %v", err)
		}
	})
}

func TestAnUpstreamLogoutEndsOnlyWhatItNames(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		begin := func(subject, upstreamSID string) string {
			in := b.signInOf(subject, nil)
			in.Session.UpstreamSID = upstreamSID
			return must(b, func() (*storage.Session, error) { return b.SignIn(t.Context(), actor, in) }).SID
		}
		for _, row := range []struct {
			why, subject, sid string
			want              int
		}{
			{"a session of another person", "sub-2", "one", 0},
			{"an unknown person", "nobody", "", 0},
			{"an unknown session", "", "three", 0},
			{"one session", "sub-1", "one", 1},
			{"one session by its sid alone", "", "one", 1},
			{"all of a person", "sub-1", "", 2},
		} {
			begin("sub-1", "one")
			begin("sub-1", "two")
			begin("sub-2", "")
			got := must(b, func() (int, error) {
				return b.EndUpstreamSessions(t.Context(), actor, storage.UpstreamLogout{ProviderID: b.provider, Subject: row.subject, SessionID: row.sid, TokenHash: hash(), TokenExpires: b.clock.Now().Add(time.Minute)})
			})
			if got != row.want {
				t.Errorf("%s: ended %d, want %d", row.why, got, row.want)
			}
			for _, subject := range []string{"sub-1", "sub-2"} {
				must(b, func() (int, error) {
					return b.EndUpstreamSessions(t.Context(), actor, storage.UpstreamLogout{ProviderID: b.provider, Subject: subject, TokenHash: hash(), TokenExpires: b.clock.Now().Add(time.Minute)})
				})
			}
		}
		begin("sub-1", "one")
		if n := must(b, func() (int, error) {
			return b.EndUpstreamSessions(t.Context(), actor, storage.UpstreamLogout{ProviderID: "another", Subject: "sub-1", TokenHash: hash(), TokenExpires: b.clock.Now().Add(time.Minute)})
		}); n != 0 {
			t.Errorf("another provider ended %d sessions", n)
		}
	})
}

func TestTheUpstreamIDTokenIsSealedAndGoesWithTheSession(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		in := b.signInOf("sub-1", nil)
		in.Session.UpstreamIDToken = "header.payload.signature"
		s := must(b, func() (*storage.Session, error) { return b.SignIn(t.Context(), actor, in) })
		if got := must(b, func() (string, error) { return b.UpstreamIDToken(t.Context(), s.SID) }); got != in.Session.UpstreamIDToken {
			t.Errorf("read %q", got)
		}
		b.must(b.EndSession(t.Context(), actor, s.SID))
		_, err := b.UpstreamIDToken(t.Context(), s.SID)
		b.wants("after the end of the session", err, storage.ErrNotFound)
	})
}

func TestS11_AnIdleSessionCanStillBeSignedOutOf(t *testing.T) {
	eachBook(t, func(t *testing.T, b *book) {
		s, _ := b.login("sub-1", "web", nil)
		b.clock.Advance(absolute + time.Hour)
		_, err := b.Session(t.Context(), s.IDHash, idle)
		b.wants("as a session to use", err, storage.ErrNotFound)
		if got := must(b, func() (*storage.Session, error) { return b.UnendedSession(t.Context(), s.IDHash) }); got.SID != s.SID {
			t.Errorf("found %+v", got)
		}
		b.must(b.EndSession(t.Context(), actor, s.SID))
		if len(b.told()) != 1 {
			t.Error("the app of an idle session was not told")
		}
		_, err = b.UnendedSession(t.Context(), s.IDHash)
		b.wants("once it is ended", err, storage.ErrNotFound)
	})
}
