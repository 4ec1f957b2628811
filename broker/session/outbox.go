package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/tokens"
)

const (
	parallel    = 8                // apps that are told at a time
	appPatience = 10 * time.Second // for one app's answer
	leaseOfTry  = time.Minute      // then another node may try: longer than a try takes
	lookEvery   = 5 * time.Second  // for what other nodes noted, and for what is due again

	firstPause = 5 * time.Second
	longPause  = time.Hour
	giveUpIn   = 24 * time.Hour // an app that is down for longer has lost its sessions anyway
)

// Outbox tells apps that sessions ended (OpenID Connect Back-Channel Logout 1.0 §2.5).
// What is to be told was noted in the book together with the end of the session; an
// app is told again until it answers, at growing distances, for a day. No transaction
// is open while an app is asked, and several nodes share the work.
type Outbox struct {
	DB      *storage.DB
	Mint    *tokens.Mint
	Client  func(id string) (*directory.Client, bool) // by today's settings
	Public  *http.Client                              // the hardened client …
	Private *http.Client                              // … and the one for apps whose settings allow private addresses
	Log     *slog.Logger
	Now     func() time.Time
}

var teller = storage.Actor{Kind: "system", ID: "logout"}

// Run tells apps until ctx ends, then waits for the tries under way.
func (o *Outbox) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	free := make(chan struct{}, parallel)
	for range parallel {
		free <- struct{}{}
	}
	done := make(chan struct{}, 1)
	for {
		notices, err := o.DB.TakeNotices(ctx, len(free), leaseOfTry)
		if err != nil && ctx.Err() == nil {
			o.Log.Error("apps could not be told that sessions ended", "cause", err)
		}
		for _, n := range notices {
			<-free
			under.Go(func() {
				o.tell(ctx, n)
				free <- struct{}{}
				select {
				case done <- struct{}{}:
				default:
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-o.DB.NoticesWaiting():
		case <-done:
		case <-tick.C:
		}
	}
}

// Round tells apps what is due now and returns how much that was, once every try has
// ended: for programs that do not Run.
func (o *Outbox) Round(ctx context.Context) (int, error) {
	total := 0
	for {
		notices, err := o.DB.TakeNotices(ctx, parallel, leaseOfTry)
		if err != nil || len(notices) == 0 {
			return total, err
		}
		var under sync.WaitGroup
		for _, n := range notices {
			under.Go(func() { o.tell(ctx, n) })
		}
		under.Wait()
		total += len(notices)
	}
}

// tell makes one try. Begun, it ends: a program that stops waits for it.
func (o *Outbox) tell(ctx context.Context, n storage.Notice) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appPatience+5*time.Second)
	defer cancel()
	client, ok := o.Client(n.ClientID)
	if !ok || client.BackchannelLogoutURI == "" {
		o.settle(ctx, n, storage.NoticeUnwanted, 0, "the app has no backchannel_logout_uri")
		return
	}
	status, err := o.try(ctx, client, n)
	if err == nil {
		o.Log.Debug("an app was told that a session ended", "client", n.ClientID, "attempts", n.Attempts, "status", status)
		o.settle(ctx, n, storage.NoticeDelivered, status, "")
		return
	}
	next := o.Now().Add(pause(n.Attempts))
	if next.Sub(n.CreatedAt) > giveUpIn {
		o.Log.Error("an app was not told that a session ended, and no more tries are made", "client", n.ClientID, "attempts", n.Attempts, "cause", err)
		o.settle(ctx, n, storage.NoticeGaveUp, status, err.Error())
		return
	}
	o.Log.Warn("an app was not told that a session ended; it will be told again", "client", n.ClientID, "attempts", n.Attempts, "next", next.UTC().Format(time.RFC3339), "cause", err)
	if err := o.DB.PostponeNotice(ctx, n, next, status, err.Error()); err != nil {
		o.Log.Error("the outcome of telling an app could not be noted", "client", n.ClientID, "cause", err)
	}
}

func (o *Outbox) settle(ctx context.Context, n storage.Notice, outcome string, status int, reason string) {
	if err := o.DB.SettleNotice(ctx, teller, n, outcome, status, reason); err != nil {
		o.Log.Error("the outcome of telling an app could not be noted", "client", n.ClientID, "cause", err)
	}
}

// try posts a fresh logout token. Its error is in fixed words.
func (o *Outbox) try(ctx context.Context, client *directory.Client, n storage.Notice) (status int, err error) {
	raw, err := o.Mint.Logout(ctx, tokens.Logout{ClientID: n.ClientID, Subject: n.Subject, SessionID: n.SID, Alg: tokens.Alg(client.IDTokenAlg)})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, appPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, client.BackchannelLogoutURI, strings.NewReader(url.Values{"logout_token": {raw}}.Encode()))
	if err != nil {
		return 0, errors.New("the app's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	caller := o.Public
	if client.AllowPrivateNetwork {
		caller = o.Private
	}
	resp, err := caller.Do(req)
	if err != nil {
		return 0, providers.Unreachable("the app", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again; what it says is nobody's business
	// §2.8: 200; some frameworks make 204 of it.
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, errors.New("the app answered " + strconv.Itoa(resp.StatusCode))
	}
	return resp.StatusCode, nil
}

// pause is how long to wait after so many tries: twice as long each time, and not for
// all apps in step.
func pause(attempts int) time.Duration {
	d := longPause
	if doublings := max(attempts-1, 0); doublings < 10 {
		d = min(firstPause<<doublings, longPause)
	}
	return d/2 + rand.N(d/2)
}
