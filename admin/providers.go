package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/providers"
)

func (s *Server) providers(c *call) error {
	now := s.book.Current()
	return list(c, now, now.Document.Providers, slugOf, func(p *directory.Provider) string { return p.Slug + "\n" + p.Title + "\n" + p.Issuer }, s.tellProvider(now))
}

func (s *Server) provider(c *call) error {
	now := s.book.Current()
	return find(c, now, now.Document.Providers, "provider", c.path("slug"), slugOf, s.tellProvider(now))
}

func (s *Server) tellProvider(now *revision.Active) func(int, *directory.Provider) api.ProviderInfo {
	n := s.count(now)
	return func(_ int, p *directory.Provider) api.ProviderInfo {
		out := api.ProviderInfo{Provider: *p, HasSecret: p.ClientSecretSource != "", Clients: n.everyProvider + n.byProvider[p.Slug], State: healthOf(now, p).State}
		if kind, known := providers.Lookup(p.Kind); known && !kind.OwnBook {
			out.RedirectURI = s.issuer + "/callback/" + p.Slug
			out.EffectiveIssuer, _ = kind.Issuer(p.Settings()) // it was read when the revision was made
		}
		return out
	}
}

// healthOf is what is known of a provider without asking it.
func healthOf(now *revision.Active, p *directory.Provider) api.ProviderHealth {
	out := api.ProviderHealth{Slug: p.Slug, Title: p.Title, Kind: p.Kind, Disabled: p.Disabled, State: "unknown"}
	kind, _ := providers.Lookup(p.Kind)
	if out.Title == "" {
		out.Title = kind.Title
	}
	if kind.OwnBook {
		out.State = "own"
		return out
	}
	reporter, knows := now.Upstreams[p.Slug].(providers.Reporter)
	if !knows {
		return out
	}
	switch h := reporter.Health(); {
	case h.Down:
		since := h.Since.UTC()
		out.State, out.Reason, out.Since = "down", h.Reason, &since
	case h.Asked:
		out.State = "up"
	}
	return out
}

func (s *Server) addProvider(c *call) error {
	in, err := body[directory.Provider](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error {
		d.created = "/providers/" + url.PathEscape(in.Slug)
		return d.setProvider("", in)
	})
}

func (s *Server) putProvider(c *call) error {
	in, err := body[directory.Provider](c)
	if err != nil {
		return err
	}
	return c.edit(func(d *draft) error { return d.setProvider(c.path("slug"), in) })
}

func (s *Server) deleteProvider(c *call) error {
	return c.drop(func(d *draft) error { return d.setProvider(c.path("slug"), nil) })
}

// checkProvider asks a provider whether it would work: the one in use, or a draft. The
// client that asks is the guarded one of logins, so that nobody can use it to look
// around in the network (A08).
func (s *Server) checkProvider(c *call) error {
	in, err := optional[api.CheckRequest](c)
	if err != nil {
		return err
	}
	now, slug := s.book.Current(), c.path("slug")
	i := slices.IndexFunc(now.Document.Providers, func(p directory.Provider) bool { return p.Slug == slug })
	if in.Provider == nil && i < 0 {
		return notFound("there is no provider %.100q", slug)
	}
	var p directory.Provider
	if i >= 0 {
		p = now.Document.Providers[i]
	}
	if in.Provider != nil {
		if in.Provider.AllowPrivateNetwork && !c.shell && !(p.AllowPrivateNetwork && sameUpstream(&p, in.Provider)) {
			return revision.ErrPrivate
		}
		p = *in.Provider
		if p.Slug == "" {
			p.Slug = slug
		}
		if p.Slug != slug {
			return invalid("the provider has another slug than the address")
		}
	}
	return s.check(c, p)
}

// sameUpstream tells whether a draft asks the same server as the provider in use: what
// may stand in a private network is that one server, not any.
func sameUpstream(p, draft *directory.Provider) bool {
	kind, known := providers.Lookup(draft.Kind)
	if !known || p.Kind != draft.Kind {
		return false
	}
	was, err := kind.Issuer(p.Settings())
	is, other := kind.Issuer(draft.Settings())
	return err == nil && other == nil && was == is && slices.Equal(p.EndpointHosts, draft.EndpointHosts)
}

// check makes a provider for one question. No secret is needed for it, and none is used.
func (s *Server) check(c *call, p directory.Provider) error {
	kind, known := providers.Lookup(p.Kind)
	if !known {
		return invalid("there is no kind %.40q", p.Kind)
	}
	out := api.CheckResult{Slug: p.Slug, State: "own"}
	if kind.OwnBook {
		return c.json(http.StatusOK, out)
	}
	if p.ClientID == "" {
		p.ClientID = "unknown"
	}
	p.ClientSecretSource, p.ClientSecret = "", "asked for nothing"
	if p.AuthMethod == directory.AuthNone {
		p.ClientSecret = ""
	}
	upstream, err := s.book.Upstream(c.ctx(), &p, nil)
	if err != nil {
		return invalid("%s", err)
	}
	out.Issuer, _ = kind.Issuer(p.Settings())
	out.RedirectURI, out.State = s.issuer+"/callback/"+p.Slug, "answers"
	prober, can := upstream.(providers.Prober)
	if !can {
		out.State = "unknown"
		return c.json(http.StatusOK, out)
	}
	began := s.now()
	err = prober.Probe(c.ctx())
	out.Millis = s.now().Sub(began).Milliseconds()
	switch {
	case providers.Forbidden(err):
		refused := problem(http.StatusUnprocessableEntity, api.BlockedAddress, reasonOf(err))
		refused.cause = err
		return refused
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		out.State, out.Reason = "silent", reasonOf(err)
	}
	return c.json(http.StatusOK, out)
}

// reasonOf is the part of an upstream's failure that is ours, in fixed words: which
// address a name leads to is not told, or the check would map the network.
func reasonOf(err error) string {
	var e *providers.Error
	if errors.As(err, &e) {
		if status := providers.Status(err); status > 0 {
			return fmt.Sprintf("%s (HTTP status %d)", e.Reason, status)
		}
		return e.Reason
	}
	return "the provider could not be asked"
}

// testProvider begins a sign-in that only looks.
func (s *Server) testProvider(c *call) error {
	in, err := body[api.TestRequest](c)
	if err != nil {
		return err
	}
	slug := c.path("slug")
	p, known := s.snapshot().Provider(slug)
	if !known {
		return notFound("there is no provider %.100q", slug)
	}
	if kind, _ := providers.Lookup(p.Kind); kind.OwnBook {
		return invalid("people of this provider have their passwords here: there is nothing to test")
	}
	back, err := url.Parse(in.Back)
	if err != nil || !strings.HasPrefix(in.Back, s.url.Scheme+"://"+s.url.Host+"/") || !door.Canonical(back) || back.User != nil || back.Fragment != "" || strings.ContainsAny(in.Back, "\\\r\n") {
		return invalid("back is an address of the console, below %s/", strings.TrimSuffix(s.url.String(), "/"))
	}
	if s.options.TestSignIn == nil {
		return invalid("this server cannot test sign-ins")
	}
	address, reference, err := s.options.TestSignIn(slug, in.Back)
	if err != nil {
		return invalid("%s", err)
	}
	return c.json(http.StatusOK, api.TestStarted{URL: address, Reference: reference})
}
