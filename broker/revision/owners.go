package revision

import (
	"context"
	"errors"
	"fmt"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/storage"
)

// owners looks whether one who could sign in before still can. It asks what a sign-in to
// the console asks, with what the provider said of them last. A house that no owner
// could enter before is not locked by the change; who mends it step by step must be
// able to.
func (b *Book) owners(ctx context.Context, p *proposal) error {
	admins, err := b.DB.Admins(ctx)
	if err != nil {
		return err
	}
	before, after, turned := 0, 0, []string{}
	for _, a := range admins {
		if a.Role != storage.RoleOwner || a.UserDisabled {
			continue
		}
		_, id, err := b.DB.FindIdentity(ctx, a.ProviderID, a.Subject)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		was := p.base.Snapshot == nil || comesIn(p.base.Snapshot, a, id.Claims)
		is := comesIn(p.snapshot, a, id.Claims)
		if was {
			before++
		}
		if is {
			after++
			if slug := p.redirected(a.ProviderID); slug != "" {
				turned = append(turned, slug)
			}
		}
	}
	p.plan.LocksOut = before > 0 && after == 0
	if after > 0 && len(turned) == after {
		p.plan.Warnings = append(p.plan.Warnings, directory.Problem{Path: "providers", Message: fmt.Sprintf("every owner signs in through %s, whose connection changes: a slip there locks everybody out", turned[0]),
			Hint: "stay signed in, and try it with test sign-in first"})
	}
	return nil
}

// comesIn tells whether an owner could sign in to the console.
func comesIn(s *directory.Snapshot, a storage.Admin, claims map[string]any) bool {
	provider, ok := s.ProviderByID(a.ProviderID)
	if !ok || provider.Disabled {
		return false
	}
	answer, err := policy.Judge(s, policy.Question{Provider: provider.Slug, Client: directory.AdminClient, Claims: claims, AdminRole: a.Role, UserDisabled: a.UserDisabled,
		UserID: a.UserID, UserSubject: a.UserSubject})
	return err == nil && answer != nil && answer.Admitted
}

// redirected names a provider that people are now sent to in another way, or with
// another secret: whether it works only a sign-in can tell.
func (p *proposal) redirected(id string) string {
	is, ok := p.snapshot.ProviderByID(id)
	if !ok || p.base.Snapshot == nil {
		return ""
	}
	was, ok := p.base.Snapshot.Provider(is.Slug)
	if !ok || connection(was) == connection(is) && was.ClientSecret == is.ClientSecret {
		return ""
	}
	return is.Slug
}
