package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// A verb that looks at or changes a house speaks its administration API, as the console
// does. There are three ways to it, and a verb need not know which it went:
//
//	--url https://admin.example.com   over the network, with $HANDSTAMP_TOKEN, or as the
//	                                  machine $HANDSTAMP_CLIENT_ID with its _SECRET
//	the socket beside the database    a server runs here: the file's mode is the permission
//	the database itself               no server runs, or it is PostgreSQL: the house is
//	                                  opened in this process, without a listener
//
// A verb is written so:
//
//	func historyCmd() *cobra.Command {
//		var at desk
//		cmd := &cobra.Command{Use: "history", RunE: func(cmd *cobra.Command, _ []string) error {
//			return at.visit(cmd, func(ctx context.Context, v *visit) error {
//				page, err := v.Revisions(ctx, api.ListOptions{Limit: 20})
//				if err != nil || v.json {
//					return v.answer(page, err)
//				}
//				t := v.table("REVISION", "WHEN", "WHO")
//				…
//				return t.flush()
//			})
//		}}
//		at.flags(cmd)
//		return cmd
//	}
//
// Its errors are the API's, told by main: what is wrong, place by place, and what to do.

// desk is where a verb finds the house: the flags that all such verbs share.
type desk struct {
	config, url, socket string
	json                bool
	reason              string // flagged by verbs that change something, see reasons
	empty               bool   // without a server, an empty book stays empty: the verb fills it itself
}

// flags adds what every verb of the shell takes, also to those below it.
func (d *desk) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVarP(&d.config, "config", "c", "handstamp.yaml", "settings file of the house")
	f.StringVar(&d.url, "url", "", "address of its console, to reach it over the network with $HANDSTAMP_TOKEN, or $HANDSTAMP_CLIENT_ID and $HANDSTAMP_CLIENT_SECRET")
	f.StringVar(&d.socket, "socket", "", "its socket, where it is not the one that the settings name")
	f.BoolVar(&d.json, "json", false, "print for programs")
}

// reasons adds --reason, for verbs that change something.
func (d *desk) reasons(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.reason, "reason", "", "why, for the history and the audit")
}

// visit is one verb at the desk: the API, and where to say what came of it.
type visit struct {
	*api.Client
	out   io.Writer
	json  bool
	color bool // out is a terminal that wants it
	at    *desk
}

// visit finds the house, runs a verb there, and leaves.
func (d *desk) visit(cmd *cobra.Command, do func(context.Context, *visit) error) (err error) {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	client, leave, err := d.reach(ctx, cmd.ErrOrStderr(), cmd.Flags().Lookup("reason") != nil || cmd.Name() == "plan")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	return d.advise(cmd, do(ctx, &visit{Client: client, out: out, json: d.json, color: colorful(out), at: d}))
}

// advise adds what to do about an error of the way there, or about a name that nothing has.
func (d *desk) advise(cmd *cobra.Command, err error) error {
	var unreachable *url.Error
	switch {
	case errors.As(err, &unreachable) && d.url != "":
		return fmt.Errorf("--url %s: nobody answers there: %w. It is the console's address, admin.url of the settings", oneLine(d.url), unreachable.Err)
	case api.IsNotFound(err):
		return &advised{err, "What there is: " + lister(cmd)}
	}
	return err
}

// advised is an error with what to do about it.
type advised struct {
	error
	advice string
}

func (a *advised) Unwrap() error { return a.error }

// lister is the verb that shows what a verb's word may name.
func lister(cmd *cobra.Command) string {
	if cmd.HasParent() {
		for _, beside := range cmd.Parent().Commands() {
			if beside.Name() == "list" {
				return beside.CommandPath()
			}
		}
	}
	if cmd.Name() == "explain" {
		return "handstamp logins list"
	}
	return "handstamp history"
}

// reach finds the way to the house. Only a verb that changes something makes a database
// where there is none: who looks at an empty one may have the wrong settings.
func (d *desk) reach(ctx context.Context, errOut io.Writer, makes bool) (*api.Client, func() error, error) {
	nothing := func() error { return nil }
	if d.url != "" {
		hc, err := d.overNetwork(ctx)
		return api.New(d.url, hc), nothing, err
	}
	socket, err := d.findSocket()
	if err != nil {
		return nil, nil, err
	}
	if c, err := net.DialTimeout("unix", socket, 5*time.Second); socket != "" && err == nil {
		hc := &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
		return api.New("http://handstamp", hc), func() error { hc.CloseIdleConnections(); return nil }, c.Close()
	} else if errors.Is(err, os.ErrPermission) {
		return nil, nil, fmt.Errorf("%s: a server runs here, and only the user whom it runs as may administer it: sudo -u THAT_USER handstamp …", socket)
	} else if d.socket != "" {
		return nil, nil, fmt.Errorf("--socket %s: nobody answers there: %w", socket, err)
	}
	return d.inProcess(ctx, socket, errOut, makes)
}

// findSocket reads from the settings where a server would listen for the shell. Their
// secrets need not be at hand for that.
func (d *desk) findSocket() (string, error) {
	if d.socket != "" {
		return d.socket, nil
	}
	cfg, err := configs.Glance(d.config)
	if err == nil {
		return cfg.AdminSocket(), nil
	}
	if _, plain := configs.Load(d.config); plain != nil {
		err = plain // which says what is not set
	}
	return "", err
}

// inProcess opens the house without a listener: its database, its directory, its API.
func (d *desk) inProcess(ctx context.Context, socket string, errOut io.Writer, makes bool) (*api.Client, func() error, error) {
	cfg, err := configs.Load(d.config)
	if err != nil {
		return nil, nil, err
	}
	if path, sqlite := strings.CutPrefix(cfg.Storage.URL.Reveal(), "sqlite:"); sqlite && !makes {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("there is no database at %s: is this the right settings file? handstamp serve makes one", path)
		}
	}
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelError}))
	rule := fileFillsEmpty
	if d.empty {
		rule = fileIsSilent
	}
	h, err := openHouse(ctx, cfg, log, houseOptions{file: rule})
	if errors.Is(err, storage.ErrLocked) {
		if socket == "" {
			return nil, nil, errors.New("a server has this database open, and admin.socket is off: turn it on, or use --url, or stop the server")
		}
		return nil, nil, fmt.Errorf("a server has this database open, and does not answer at %s: does it run with these settings?", socket)
	}
	if err != nil {
		return nil, nil, err
	}
	return api.New("http://handstamp", &http.Client{Transport: within{h.desk.Shell()}}), h.Close, nil
}

// within answers requests by a handler of this process.
type within struct{ handler http.Handler }

func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	read, write := io.Pipe()
	answer := &piped{header: http.Header{}, body: write, begun: make(chan struct{})}
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI()
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		defer func() {
			if recover() != nil { // as a connection that breaks off
				answer.WriteHeader(http.StatusInternalServerError)
				_ = write.CloseWithError(io.ErrUnexpectedEOF) // never fails
			}
			_ = write.Close() // never fails
		}()
		w.handler.ServeHTTP(answer, r)
		answer.WriteHeader(http.StatusOK)
	}()
	select {
	case <-answer.begun:
	case <-r.Context().Done():
		read.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: answer.status, Status: http.StatusText(answer.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: answer.sent, Body: read,
		ContentLength: -1, Request: r}, nil
}

// piped is an answer that is read while it is written.
type piped struct {
	header, sent http.Header
	body         *io.PipeWriter
	status       int
	begun        chan struct{}
}

func (p *piped) Header() http.Header { return p.header }

func (p *piped) WriteHeader(status int) {
	if p.status == 0 {
		p.status, p.sent = status, p.header.Clone()
		close(p.begun)
	}
}

func (p *piped) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// overNetwork is a client that shows a token: one that somebody has, or that of a machine.
func (d *desk) overNetwork(ctx context.Context) (*http.Client, error) {
	u, err := url.Parse(d.url)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" && u.Hostname() != "localhost" {
		return nil, fmt.Errorf("--url %s: this is no https address, and the token would go over the network in the clear", oneLine(d.url))
	}
	token := os.Getenv("HANDSTAMP_TOKEN")
	if token == "" {
		if token, err = machineToken(ctx, d.config); err != nil {
			return nil, err
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token goes nowhere else
	return &http.Client{Timeout: 5 * time.Minute, Transport: api.Bearer(token, nil), CheckRedirect: stay}, nil
}

// machineToken gets an access token for the API by client_credentials (RFC 6749 §4.4).
func machineToken(ctx context.Context, config string) (string, error) {
	id, secret, issuer := os.Getenv("HANDSTAMP_CLIENT_ID"), os.Getenv("HANDSTAMP_CLIENT_SECRET"), os.Getenv("HANDSTAMP_ISSUER")
	if id == "" || secret == "" {
		return "", errors.New("--url needs a token: set HANDSTAMP_TOKEN, or HANDSTAMP_CLIENT_ID and HANDSTAMP_CLIENT_SECRET of a client with machine_scopes such as handstamp:directory:read")
	}
	if issuer == "" {
		cfg, err := configs.Glance(config)
		if err != nil {
			return "", fmt.Errorf("where to get a token: set HANDSTAMP_ISSUER, or name the settings file with -c: %w", err)
		}
		issuer = cfg.Issuer
	}
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {directory.AdminResource}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(issuer, "/")+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	hc, err := providers.NewClient(providers.ClientOptions{AllowLoopback: true, AllowPrivate: true})
	if err != nil {
		return "", err
	}
	resp, err := hc.Do(req)
	if err != nil {
		return "", fmt.Errorf("get a token for %s: %w", id, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token       string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("%s gives %s no token (%d %s): %s", issuer, id, resp.StatusCode, oneLine(answer.Error), oneLine(answer.Description))
	}
	return answer.Token, nil
}
