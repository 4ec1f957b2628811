package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/configs"
)

// probedKeys is what one client publishes that proves itself by a key.
type probedKeys struct {
	Client  string `json:"client"`
	JWKSURI string `json:"jwks_uri"`
	State   string `json:"state"` // answers, silent, disabled
	Keys    int    `json:"keys"`  // that can be used
	Reason  string `json:"reason,omitempty"`
	Millis  int64  `json:"milliseconds,omitempty"`

	private bool // its address may be in a private network
}

// probeKeys fetches the keys of all clients with jwks_uri side by side, as serve would.
func probeKeys(ctx context.Context, cfg *configs.Config) ([]probedKeys, error) {
	clients := map[bool]*http.Client{}
	for _, private := range []bool{false, true} {
		var err error
		if clients[private], err = outgoing(cfg, private, nil); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	out := []probedKeys{}
	for _, c := range cfg.Snapshot().Clients() {
		if c.JWKSURI != "" {
			out = append(out, probedKeys{Client: c.ID, JWKSURI: c.JWKSURI, State: "answers", private: c.AllowPrivateNetwork})
			if c.Disabled {
				out[len(out)-1].State = "disabled"
			}
		}
	}
	var wg sync.WaitGroup
	for i := range out {
		if k := &out[i]; k.State != "disabled" {
			wg.Go(func() {
				began := time.Now()
				set, err := grant.FetchKeys(ctx, clients[k.private], k.JWKSURI)
				if k.Keys = len(set); err != nil {
					k.State, k.Reason = "silent", err.Error()
				}
				k.Millis = time.Since(began).Milliseconds()
			})
		}
	}
	wg.Wait()
	return out, nil
}

func (k probedKeys) print(p *printer) {
	switch k.State {
	case "answers":
		p.line("%s: publishes %s, in %d ms (%s)", k.Client, count(k.Keys, "usable key"), k.Millis, k.JWKSURI)
	case "silent":
		p.line("%s: ITS KEYS CANNOT BE HAD (%s)", k.Client, k.JWKSURI)
		p.line("    %s", k.Reason)
	default:
		p.line("%s: %s (%s)", k.Client, k.State, k.JWKSURI)
	}
}
