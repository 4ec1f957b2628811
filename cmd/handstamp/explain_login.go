package main

import (
	"context"
	"fmt"
	"io"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/mapping"
)

// explain asks the house about a login that happened, or about claims under another
// revision.
func (v *visit) explain(ctx context.Context, o explainOptions, in io.Reader) error {
	r := api.ExplainRequest{Reference: o.reference, Provider: o.question.Provider, Client: o.question.Client, Scopes: o.question.Scopes, Resource: o.question.Resource,
		EmailVerified: o.question.EmailVerified, AddGroups: o.what.AddGroups, AsOf: o.asOf}
	if len(r.AddGroups) > 0 {
		r.GroupClaim = o.what.GroupClaim
	}
	if o.question.New {
		r.New = &o.question.New
	}
	var err error
	if o.claims != "" {
		if r.Claims, err = readClaims(o.claims, in); err != nil {
			return fmt.Errorf("claims: %w", err)
		}
	}
	if r.Set, err = readChanges(o.set); err != nil {
		return err
	}
	answer, err := v.Client.Explain(ctx, r)
	if err != nil {
		return err
	}
	if v.json {
		err = printJSON(v.out, answer)
	} else {
		what := o.what
		what.Set = r.Set
		first := o.asOf
		if answer.Before != nil {
			first = 0 // today's answer is told first
		}
		err = (&explained{Explained: *answer, rules: v.rulesOf(ctx, first), what: what, asOf: o.asOf}).print(v.out)
	}
	if err == nil && !answer.Answer.Admitted {
		return exitNotAdmitted
	}
	return err
}

// rulesOf are the rules that judged, for their conditions. Who may not read the directory
// sees the answer without.
func (v *visit) rulesOf(ctx context.Context, revision int64) []mapping.Rule {
	if revision != 0 {
		if r, err := v.Revision(ctx, revision); err == nil && r.Document != nil {
			return r.Document.Rules
		}
		return nil
	}
	if d, err := v.Directory(ctx); err == nil {
		return d.Document.Rules
	}
	return nil
}
