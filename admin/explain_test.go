package admin_test

import (
	"slices"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
	"github.com/handstamp/handstamp/storage"
)

func TestExplainAnswersForClaimsForALoginAndForWhatIf(t *testing.T) {
	k := newKit(t)
	c, ctx := k.goClient(k.robot()), t.Context()
	claims := map[string]any{"sub": "x", "groups": []any{"staff"}}
	e := ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Provider: "corp", Client: "web", Claims: claims}))
	if !e.Answer.Admitted || !slices.Equal(e.Answer.Decision.Roles, []string{"reader"}) || len(e.Answer.Missing) != 1 || e.Before != nil || len(e.Answer.Decision.Trace) != 2 {
		t.Errorf("%+v", e.Answer)
	}
	e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Provider: "corp", Client: "web", Claims: claims, AddGroups: []string{"editors"}}))
	if e.Before == nil || e.Difference == nil || !slices.Equal(e.Difference.GainedRoles, []string{"editor"}) || !slices.Equal(e.Difference.GainedScopes, []string{"items:write"}) {
		t.Errorf("%+v", e.Difference)
	}
	e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Provider: "corp", Client: "web", Claims: claims, Rules: []mapping.Rule{{Name: "staff", When: "'staff' in claims.groups", Roles: []string{"staff"}}}}))
	if !slices.Equal(e.Answer.Decision.Roles, []string{"staff"}) || !slices.Equal(e.Difference.LostRoles, []string{"reader"}) {
		t.Errorf("%+v", e)
	}
	// as of an earlier revision, also one whose secrets are gone
	k.edit(func(d *directory.Document) { d.Rules = d.Rules[1:] })
	e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Provider: "corp", Client: "web", Claims: claims, AsOf: 1}))
	if e.Revision != 1 || !slices.Equal(e.Answer.Decision.Roles, []string{"reader"}) || !slices.Equal(e.Difference.GainedRoles, []string{"reader"}) {
		t.Errorf("%+v", e)
	}
	// by the reference that the error page showed
	s := k.signIn("corp", "erin", nil)
	logins := []storage.Login{
		{Reference: "ERINSREFERENCE00", At: k.clock.Now(), ClientID: "web", Provider: "corp", ProviderID: s.ProviderID, UserID: s.UserID, Subject: "erin", Outcome: storage.LoginSignedIn,
			Asked: []string{"items:write"}, Claims: map[string]any{"sub": "erin", "groups": []any{"editors"}}},
		{Reference: "NOBODYKNOWSWHO00", At: k.clock.Now(), ClientID: "web", Provider: "corp", Outcome: storage.LoginFailed},
	}
	if err := k.db.KeepLogins(ctx, logins); err != nil {
		t.Fatal(err)
	}
	e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Reference: "ERINSREFERENCE00"}))
	if e.Reference != "ERINSREFERENCE00" || !slices.Equal(e.Answer.Scopes, []string{"items:write"}) || !slices.Equal(e.Answer.Decision.Roles, []string{"editor"}) {
		t.Errorf("%+v", e.Answer)
	}
	e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Reference: "ERINSREFERENCE00", Set: map[string]any{"groups": nil}}))
	if !slices.Equal(e.Difference.LostRoles, []string{"editor"}) {
		t.Errorf("%+v", e.Difference)
	}
	// who was switched off since then would not come in today
	if err := k.db.SetUserDisabled(ctx, storage.Actor{Kind: "admin"}, s.UserID, true); err != nil {
		t.Fatal(err)
	}
	if e = ok[*api.Explained](t)(c.Explain(ctx, api.ExplainRequest{Reference: "ERINSREFERENCE00"})); e.Answer.Admitted || e.Answer.Refusal == nil {
		t.Errorf("%+v", e.Answer)
	}
	for why, r := range map[string]api.ExplainRequest{
		"no claims":                {Provider: "corp", Client: "web"},
		"no client":                {Provider: "corp", Claims: claims},
		"a client that is not":     {Provider: "corp", Client: "nobody", Claims: claims},
		"a login without a person": {Reference: "NOBODYKNOWSWHO00"},
		"a rule that cannot be":    {Provider: "corp", Client: "web", Claims: claims, Rules: []mapping.Rule{{Name: "x", When: "1 +", Roles: []string{"x"}}}},
		"a negative revision":      {Provider: "corp", Client: "web", Claims: claims, AsOf: -1},
		"another resource":         {Provider: "corp", Client: "web", Claims: claims, Resource: "https://other.example"},
	} {
		if _, err := c.Explain(ctx, r); !api.IsInvalid(err) {
			t.Errorf("%s: %v", why, err)
		}
	}
	for _, r := range []api.ExplainRequest{{Reference: "ZZZZZZZZZZZZZZZZ"}, {Provider: "corp", Client: "web", Claims: claims, AsOf: 99}} {
		if _, err := c.Explain(ctx, r); !api.IsNotFound(err) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
