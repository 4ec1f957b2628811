package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

func clientsCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "clients", Short: "Look after apps and machines, and their secrets"}
	at.flags(cmd)
	cmd.AddCommand(listClientsCmd(at), showClientCmd(at), newClientCmd(at), rotateSecretCmd(at), endSecretCmd(at))
	return cmd
}

func newClientCmd(at *desk) *cobra.Command {
	var o newClient
	var print bool
	cmd := &cobra.Command{Use: "new NAME --redirect-uri URI …", Short: "Make a client and draw its secret, or print the lines for a settings file", Args: oneArg,
		Long: "Make a client and draw its secret, which is shown this once: only a digest of it is kept.\n\n" +
			"With --print nothing is changed: the lines for a settings file are printed, and the client exists when they\n" +
			"stand there. With -c they are checked against that file: its resources, and the names that are taken.",
		Example: "  handstamp clients new web --redirect-uri https://app.example.com/callback\n" +
			"  handstamp clients new spa --public --redirect-uri https://spa.example.com/callback\n" +
			"  handstamp clients new nightly --machine --scope items:read --print",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.id, o.json = args[0], at.json
			if !print {
				return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.newClient(ctx, o) })
			}
			if cmd.Flags().Changed("config") {
				o.path = at.config
			}
			return o.run(cmd.OutOrStdout())
		}}
	f := cmd.Flags()
	f.StringArrayVar(&o.redirectURIs, "redirect-uri", nil, "where people come back to; may be repeated")
	f.StringArrayVar(&o.scopes, "scope", nil, "what it may ask for, or with --machine, do; may be repeated")
	f.BoolVar(&o.machine, "machine", false, "it acts for itself, without a person (client_credentials)")
	f.BoolVar(&o.public, "public", false, "a browser or native app, which cannot keep a secret")
	f.BoolVar(&print, "print", false, "change nothing, and print the lines for a settings file")
	at.reasons(cmd)
	return cmd
}

type newClient struct {
	id, path              string
	redirectURIs, scopes  []string
	machine, public, json bool
}

// drawn is what was made; the form of --json.
type drawn struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret,omitempty"`
	Variable string `json:"variable,omitempty"` // of the environment, where the lines look for the secret
	Settings string `json:"settings"`           // lines of YAML
}

func (o newClient) run(out io.Writer) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	d := drawn{ClientID: client.ID}
	if !client.Public {
		d.Secret, d.Variable = client.Secrets[0].Reveal(), variable(client.ID)
	}
	if err := o.check(client); err != nil {
		return err
	}
	d.Settings = clientLines(client, d.Variable)
	if o.json {
		return printJSON(out, d)
	}
	return d.print(out)
}

// client is what the flags describe, with a fresh secret.
func (o newClient) client() (directory.Client, error) {
	c := directory.Client{ID: o.id, Name: o.id, Public: o.public, RedirectURIs: o.redirectURIs}
	switch {
	case o.machine && o.public:
		return c, errors.New("--machine and --public exclude each other: a machine has to prove who it is")
	case o.machine && len(o.scopes) == 0:
		return c, errors.New("--machine needs --scope: what it may do, for example --scope items:read")
	case !o.machine && len(o.redirectURIs) == 0:
		return c, errors.New("--redirect-uri is missing: where people come back to, for example https://app.example.com/callback (or --machine)")
	}
	if o.machine {
		c.MachineScopes = o.scopes
	} else {
		c.Scopes = o.scopes
	}
	if !o.public {
		c.Secrets = []providers.Secret{providers.Secret(oauth.NewSecret())}
	}
	return c, nil
}

// check refuses lines that the broker would refuse, by the same code. Without a
// settings file every API scope is taken to exist.
func (o newClient) check(c directory.Client) error {
	issuer, doc := "https://login.example.com", directory.Document{}
	if o.path != "" {
		cfg, err := configs.Load(o.path)
		if err != nil {
			return err
		}
		issuer, doc = cfg.Issuer, cfg.Directory
	} else if named := apiScopes(o.scopes); len(named) > 0 {
		doc.Resources = []directory.Resource{{ID: "https://api.example.com", Scopes: named}}
	}
	at := fmt.Sprintf("clients[%d]", len(doc.Clients))
	doc.Clients = append(slices.Clone(doc.Clients), c)
	_, problems := directory.Compile(issuer, doc)
	var said []string
	for _, p := range problems {
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		said = append(said, strings.TrimPrefix(strings.TrimPrefix(p.Path, at), ".")+": "+text)
	}
	if len(said) > 0 {
		return errors.New(strings.Join(said, "\n"))
	}
	return nil
}

func apiScopes(scopes []string) (out []directory.Scope) {
	empty, _ := directory.Compile("https://login.example.com", directory.Document{})
	for _, s := range scopes {
		if !slices.Contains(empty.ScopesSupported(), s) && !slices.ContainsFunc(out, func(o directory.Scope) bool { return o.Name == s }) {
			out = append(out, directory.Scope{Name: s})
		}
	}
	return out
}

// clientLines are the lines of a client, indented for a list under clients:.
func clientLines(c directory.Client, variable string) string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "    %s: %s\n", key, value) }
	fmt.Fprintf(&b, "  - id: %s\n", quotedYAML(c.ID))
	if c.Public {
		line("public", "true")
	} else {
		line("secrets", `["${`+variable+`}"]`)
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"redirect_uris", c.RedirectURIs}, {"scopes", c.Scopes}, {"machine_scopes", c.MachineScopes}} {
		if len(list.values) > 0 {
			line(list.key, listYAML(list.values))
		}
	}
	return b.String()
}

func listYAML(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quotedYAML(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quotedYAML writes a text so that YAML reads the same one: a JSON string is one.
func quotedYAML(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		panic(err)
	}
	return strings.ReplaceAll(string(b), "${", "$${") // a settings file would look for a variable
}

// variable is the name of the environment variable for a client's secret.
func variable(id string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(id)) + "_CLIENT_SECRET"
	if name[0] >= '0' && name[0] <= '9' {
		return "_" + name // no shell takes a name that begins with a digit
	}
	return name
}

func (d drawn) print(out io.Writer) error {
	var b strings.Builder
	if d.Secret != "" {
		fmt.Fprintf(&b, "The secret of %s. It is shown this once; nobody keeps it:\n\n%s=%s\n\n", d.ClientID, d.Variable, d.Secret)
		b.WriteString("Give it to the client and to the broker's environment, and put these lines under clients:\n\n")
	} else {
		b.WriteString("Put these lines under clients:\n\n")
	}
	b.WriteString(d.Settings)
	_, err := io.WriteString(out, b.String())
	return err
}
