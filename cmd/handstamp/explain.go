package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

const (
	maxClaimsFile            = 1 << 20
	exitNotAdmitted exitCode = 2 // explained, and the person would not come in
)

func explainCmd() *cobra.Command {
	at := &desk{}
	var o explainOptions
	cmd := &cobra.Command{Use: "explain --reference REFERENCE | -c FILE --provider SLUG --client ID --claims FILE",
		Short: "Show why a login, or given claims, lead to given roles and scopes, rule by rule", Args: noArgs,
		Long: "Show why given claims lead to given roles and scopes: what each rule said, and which part of it was false.\n\n" +
			"--reference asks about a login that happened: the reference stands on the error page, in the log and in what the app\n" +
			"was told. It is judged by the rules of today, or with --as-of by those of a revision, of which handstamp history\n" +
			"tells. Whatever else is given replaces what that login had.\n\n" +
			"Without it a file says it all, and nobody is asked: the claims are what the provider says about a person, the payload\n" +
			"of its ID token with userinfo's answer, as JSON. Nothing is stored. Values of claims are printed.\n\n" +
			"--add-group and --set ask what would be if something about the person were different: both answers are shown, and\n" +
			"what differs.\n\n" +
			"Exit codes: 0 the person would come in, 2 they would not, 1 the question cannot be answered.",
		Example: "  handstamp explain --reference O3WPX2ILA3263YSS\n" +
			"  handstamp explain --reference O3WPX2ILA3263YSS --add-group eng --as-of 17\n" +
			"  handstamp explain -c handstamp.yaml --provider google --client web --claims claims.json\n" +
			"  echo '{\"sub\":\"1\",\"hd\":\"example.com\"}' | handstamp explain -c handstamp.yaml --provider google --client web --claims -\n" +
			"  handstamp explain -c handstamp.yaml --provider okta --client web --claims claims.json --add-group Engineering",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("email-verified") {
				o.question.EmailVerified = &o.verified
			}
			o.path, o.json = at.config, at.json
			if o.reference != "" || o.asOf != 0 {
				return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.explain(ctx, o, cmd.InOrStdin()) })
			}
			return explain(o, cmd.InOrStdin(), cmd.OutOrStdout())
		}}
	at.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.reference, "reference", "", "of a login that happened")
	f.Int64Var(&o.asOf, "as-of", 0, "judge by this revision of the directory (see handstamp history)")
	f.StringVar(&o.question.Provider, "provider", "", "slug of the provider that says the claims")
	f.StringVar(&o.question.Client, "client", "", "id of the client that the person signs in to")
	f.StringVar(&o.claims, "claims", "", "file with the claims as JSON; - reads standard input")
	f.StringSliceVar(&o.question.Scopes, "scope", nil, "what the client asks for, with commas between (default: all that it may)")
	f.StringVar(&o.question.Resource, "resource", "", "the resource that the client names, as in its request")
	f.BoolVar(&o.question.New, "new", false, "the person signs in for the first time (user.new)")
	f.BoolVar(&o.verified, "email-verified", false, "take user.email_verified as given, instead of working it out from the claims and trust_email")
	f.StringArrayVar(&o.what.AddGroups, "add-group", nil, "what if the person were in this group, too? (may be repeated)")
	f.StringVar(&o.what.GroupClaim, "group-claim", "groups", "the claim to which --add-group adds")
	f.StringArrayVar(&o.set, "set", nil, "what if this claim were different? claim=JSON, null takes it away (may be repeated)")
	completes(cmd, "reference", at.references)
	completes(cmd, "client", at.clientIDs)
	completes(cmd, "provider", at.providerSlugs)
	return cmd
}

type explainOptions struct {
	path, claims   string
	reference      string // the login to explain; "": claims says it
	asOf           int64
	question       policy.Question
	what           policy.Counterfactual
	set            []string
	verified, json bool
}

func explain(o explainOptions, in io.Reader, out io.Writer) error {
	for name, value := range map[string]string{"provider": o.question.Provider, "client": o.question.Client, "claims": o.claims} {
		if value == "" {
			return fmt.Errorf("--%s is missing: without --reference, --provider, --client and --claims say which login is meant", name)
		}
	}
	file, err := configs.LoadToExplain(o.path)
	if err != nil {
		return err
	}
	snapshot, err := file.Compile("")
	if err != nil {
		return err
	}
	if o.question.Claims, err = readClaims(o.claims, in); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	if o.what.Set, err = readChanges(o.set); err != nil {
		return err
	}
	changed, err := o.what.Apply(o.question)
	if err != nil {
		return err
	}
	e := &explained{rules: file.Document.Rules, what: o.what}
	if e.Answer, err = policy.Judge(snapshot, changed); err != nil {
		return err
	}
	if !o.what.Empty() {
		if e.Before, err = policy.Judge(snapshot, o.question); err != nil {
			return err
		}
		difference := policy.Compare(e.Before, e.Answer)
		e.Difference = &difference
	}
	if o.json {
		err = printJSON(out, e.Explained)
	} else {
		err = e.print(out)
	}
	if err == nil && !e.Answer.Admitted {
		return exitNotAdmitted
	}
	return err
}

// readChanges reads claim=JSON. A text needs no quotes if it cannot be taken for
// anything else.
func readChanges(set []string) (map[string]any, error) {
	changes := map[string]any{}
	for _, one := range set {
		name, text, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--set %s: write claim=JSON, as in level=4 or groups='[\"Sales\"]'", oneLine(one))
		}
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			if strings.ContainsAny(text, "[]{}\"") {
				return nil, fmt.Errorf("--set %s: this is not JSON", oneLine(one))
			}
			value = text
		}
		changes[name] = value
	}
	return changes, nil
}

// readClaims reads one JSON object, as strictly as a login reads a token's payload.
func readClaims(path string, in io.Reader) (map[string]any, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxClaimsFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxClaimsFile {
		return nil, errors.New("the file is larger than 1 MiB")
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil || claims == nil {
		return nil, errors.New("the file does not hold a JSON object, as in {\"sub\": \"1\", \"email\": \"alice@example.com\"}")
	}
	if err := providers.StrictJSON(b); err != nil {
		return nil, fmt.Errorf("a login would refuse this: %w", err)
	}
	return claims, nil
}
