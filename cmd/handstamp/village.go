package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/examples/api"
	"github.com/handstamp/handstamp/examples/app"
	"github.com/handstamp/handstamp/examples/bff"
	"github.com/handstamp/handstamp/examples/spa"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/persona"
)

// village is a whole little world on loopback: the broker from configs/dev.yaml, the
// pretend providers it knows, three apps and an API. The broker in it is the same as
// `serve` runs; only its settings and its neighbours are pretend.
type village struct {
	issuer, app, api string
	password         string // of the resident, for this run
	console          string // an owner's link to it, for this run
	socket           string // for the shell's verbs; "": none
	appSecret        string
	bffSecret        string
	upstreams        []upstream
	data, caFile     string
	tls              bool
	client           *http.Client // reaches every part, trusts the village's own CA
	house            *house
	log              *slog.Logger
	doors            []*door
}

type upstream struct {
	slug    string
	persona *persona.Persona
}

// door is one listening part of the village.
type door struct {
	name     string
	url      string
	host     string
	listener net.Listener
	handler  http.Handler
}

// places are the parts in the order of their ports.
var places = []string{"broker", "app", "api", "google", "okta", "auth0", "bff", "spa", "admin"}

func openVillage(ctx context.Context, o devOptions, log *slog.Logger) (*village, error) {
	v := &village{data: o.data, tls: o.tls, log: log, appSecret: oauth.NewSecret(), bffSecret: oauth.NewSecret()}
	if err := v.listen(o); err != nil {
		return nil, errors.Join(err, v.closeDoors())
	}
	if err := v.build(ctx); err != nil {
		return nil, errors.Join(err, v.closeDoors())
	}
	return v, nil
}

// listen opens every door, since the settings need the addresses.
func (v *village) listen(o devOptions) error {
	for i, name := range places {
		port := 0
		if o.port != 0 {
			port = o.port + i
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("%s: %w (another port: --port N)", name, err)
		}
		d := &door{name: name, listener: l, host: "127.0.0.1"}
		scheme := "http://"
		if o.tls {
			d.host, scheme = sibling(o.host, name), "https://"
		}
		_, actual, _ := net.SplitHostPort(l.Addr().String())
		d.url = scheme + net.JoinHostPort(d.host, actual)
		v.doors = append(v.doors, d)
	}
	v.issuer, v.app, v.api = v.at("broker").url, v.at("app").url, v.at("api").url
	if !o.tls {
		return nil
	}
	ca, err := makeAuthority(filepath.Join(v.data, "ca.pem"), strings.Fields(v.names()))
	if err != nil {
		return err
	}
	v.caFile = ca.file
	for _, d := range v.doors {
		d.listener = tls.NewListener(d.listener, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{ca.leaf}})
	}
	return nil
}

// sibling names a part beside the broker: broker.test and app make app.test.
func sibling(brokerHost, name string) string {
	if name == "broker" {
		return brokerHost
	}
	_, domain, ok := strings.Cut(brokerHost, ".")
	if !ok {
		return name + "." + brokerHost
	}
	return name + "." + domain
}

func (v *village) at(name string) *door {
	for _, d := range v.doors {
		if d.name == name {
			return d
		}
	}
	panic("no such place: " + name)
}

// names lists the host names of all parts.
func (v *village) names() string {
	var names []string
	for _, d := range v.doors {
		names = append(names, d.host)
	}
	return strings.Join(names, " ")
}

// build fills the doors with their parts.
func (v *village) build(ctx context.Context) error {
	upstreamSecret := oauth.NewSecret()
	env := map[string]string{"HANDSTAMP_DEV_ISSUER": v.issuer, "HANDSTAMP_DEV_LISTEN": v.at("broker").listener.Addr().String(),
		"HANDSTAMP_DEV_STORAGE": "sqlite:" + filepath.Join(v.data, "handstamp.db"), "HANDSTAMP_DEV_APP": v.app, "HANDSTAMP_DEV_API": v.api,
		"HANDSTAMP_DEV_GOOGLE": v.at("google").url, "HANDSTAMP_DEV_OKTA": v.at("okta").url, "HANDSTAMP_DEV_AUTH0": v.at("auth0").url,
		"HANDSTAMP_DEV_BFF": v.at("bff").url, "HANDSTAMP_DEV_SPA": v.at("spa").url, "HANDSTAMP_DEV_BFF_SECRET": v.bffSecret,
		"HANDSTAMP_DEV_APP_SECRET": v.appSecret, "HANDSTAMP_DEV_UPSTREAM_SECRET": upstreamSecret, "HANDSTAMP_DEV_CA_FILE": v.caFile,
		"HANDSTAMP_DEV_ADMIN": v.at("admin").url, "HANDSTAMP_DEV_ADMIN_LISTEN": v.at("admin").listener.Addr().String()}
	cfg, err := configs.Parse("dev.yaml", configs.DevYAML, func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	if err != nil {
		return err
	}
	hosts := map[string]string{}
	if v.tls {
		for _, d := range v.doors {
			hosts[d.host] = "127.0.0.1"
		}
	}
	if v.house, err = openHouse(ctx, cfg, v.log, houseOptions{hosts: hosts, former: formerIssuer{whatever: true}}); err != nil {
		return err
	}
	if err := errors.Join(v.settle(ctx), v.letIn(ctx), v.openSocket()); err != nil {
		return err
	}
	v.at("broker").handler, v.at("admin").handler = v.house.broker, v.house.administration()
	if v.client, err = providers.NewClient(providers.ClientOptions{CAFile: v.caFile, AllowLoopback: true, Hosts: hosts}); err != nil {
		return err
	}
	return v.buildNeighbours(upstreamSecret)
}

// buildNeighbours makes what the broker serves: providers, apps and an API.
func (v *village) buildNeighbours(upstreamSecret string) error {
	var buttons []app.Provider
	for _, n := range []struct {
		slug string
		kind func(persona.Options) *persona.Persona
	}{{"google", persona.Google}, {"okta", persona.Okta}, {"auth0", persona.Auth0}} {
		p := n.kind(persona.Options{Issuer: v.at(n.slug).url, ClientID: "handstamp", ClientSecret: upstreamSecret, RedirectURIs: []string{v.issuer + "/callback/" + n.slug},
			PostLogoutRedirectURIs: []string{v.issuer + "/logout/return"}, HTTPClient: v.client})
		if n.slug != "google" { // the real one sends no logout tokens
			p.SetBackchannelLogout(v.issuer + "/backchannel/" + n.slug)
		}
		v.at(n.slug).handler = p.Handler()
		v.upstreams = append(v.upstreams, upstream{n.slug, p})
		buttons = append(buttons, app.Provider{Slug: n.slug, Title: p.Title()})
	}
	buttons = append(buttons, app.Provider{Slug: ownSlug, Title: "Password (local)"})
	var err error
	v.at("app").handler, err = app.New(app.Config{Issuer: v.issuer, ClientID: "web", ClientSecret: v.appSecret, BaseURL: v.app, APIURL: v.api, Resource: v.api,
		Scopes: strings.Fields("openid profile email groups offline_access items:read items:write"), Providers: buttons, HTTPClient: v.client})
	if err != nil {
		return fmt.Errorf("sample app: %w", err)
	}
	if v.at("api").handler, err = api.New(api.Config{Issuer: v.issuer, Audience: v.api, Origins: []string{v.at("spa").url}, DocsClient: "api-docs", HTTPClient: v.client}); err != nil {
		return fmt.Errorf("sample API: %w", err)
	}
	if v.at("bff").handler, err = bff.New(bff.Config{Issuer: v.issuer, ClientID: "bff", ClientSecret: v.bffSecret, BaseURL: v.at("bff").url, APIURL: v.api, Resource: v.api,
		HTTPClient: v.client, Logger: v.log}); err != nil {
		return fmt.Errorf("sample app with a backend: %w", err)
	}
	if v.at("spa").handler, err = spa.New(spa.Config{Issuer: v.issuer, ClientID: "spa", BaseURL: v.at("spa").url, APIURL: v.api, Resource: v.api}); err != nil {
		return fmt.Errorf("sample app in the browser: %w", err)
	}
	return nil
}

// serve runs all parts until ctx ends; what it returns yields once they have stopped.
func (v *village) serve(ctx context.Context) <-chan error {
	openings := []opening{}
	for _, d := range v.doors {
		openings = append(openings, opening{d.name, d.listener, d.handler, nil})
	}
	v.house.keepHouse(ctx)
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(serveAll(ctx, openings, v.log), v.house.Close()) }()
	return ended
}

func (v *village) closeDoors() error {
	var errs []error
	for _, d := range v.doors {
		errs = append(errs, d.listener.Close())
	}
	if v.house != nil {
		errs = append(errs, v.house.Close())
	}
	return errors.Join(errs...)
}

// directory says the same as the table, for programs.
func (v *village) directory() map[string]any {
	upstreams := map[string]string{}
	for _, p := range v.upstreams {
		upstreams[p.slug] = p.persona.Issuer()
	}
	out := map[string]any{"issuer": v.issuer, "app": v.app, "api": v.api, "bff": v.at("bff").url, "spa": v.at("spa").url, "admin": v.at("admin").url, "console": v.console, "socket": v.socket, "docs": v.issuer + "/docs", "api_docs": v.api + "/docs", "upstreams": upstreams, "data": v.data, "client_id": "web", "client_secret": v.appSecret}
	out["resident"] = map[string]string{"username": resident, "password": v.password}
	if v.tls {
		out["ca_file"], out["hosts"] = v.caFile, strings.Fields(v.names())
	}
	return out
}
