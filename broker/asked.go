package broker

import (
	"slices"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/storage"
)

// What an app asks for beside its scopes: claims one by one (OpenID Connect Core §5.5),
// and how well the person must have been recognised (acr, §3.1.2.1 and §5.5.1.1).

// knows tells which claims a request may name: sub and acr, which say something about
// the sign-in, and those that this client may be told. The rest is ignored.
func (v *visit) knows(claim string) bool {
	return claim == "sub" || claim == "acr" || v.client.MayKnow(claim)
}

// toAgree lists what a consent page names: the scopes that will be granted, and for a
// claim that is asked for by itself the scope that would release it. So nobody learns
// more about a person by asking for it claim by claim.
func (v *visit) toAgree(d *grant.Decided) []string {
	list := slices.Clone(d.Scopes)
	for _, claim := range v.request.Claims.Names() {
		if scope, known := directory.ReleasedBy(claim); known && !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	return list
}

// strongEnough tells whether a session's class of authentication answers the request.
// A wish sends the person to a provider again only where one can fulfil it, and never
// against prompt=none; a demand always does.
func (v *visit) strongEnough(s *storage.Session, allowed []*directory.Provider) bool {
	wanted := v.request.ACRWanted()
	switch {
	case !v.request.ACRSuffices(s.ACR):
		return false
	case len(wanted) == 0 || v.request.Asks("none") || slices.Contains(wanted, s.ACR):
		return true
	}
	return !slices.ContainsFunc(allowed, func(p *directory.Provider) bool {
		return slices.ContainsFunc(p.ACRValues, func(acr string) bool { return slices.Contains(wanted, acr) })
	})
}

// provable tells whether a provider could give what the app demands: where the settings
// say what it can prove, nobody is sent there in vain.
func (v *visit) provable(p *directory.Provider) bool {
	return len(p.ACRValues) == 0 || v.request.ACRSuffices("") || slices.ContainsFunc(p.ACRValues, v.request.ACRSuffices)
}

// proven refuses a sign-in that does not have the class which the app demands. What is
// in a token is what the provider said, never what the app asked for.
func (v *visit) proven(acr string) error {
	if v.request.ACRSuffices(acr) {
		return nil
	}
	return back(v.request, oauth.E(oauth.UnmetAuthentication, "the sign-in does not have the acr that is asked for"))
}

// acrFor picks the classes that a provider is asked for: of those that the app wants
// the ones that it can prove, or all where the settings do not tell.
func acrFor(p *directory.Provider, r *oauth.AuthRequest) []string {
	wanted := r.ACRWanted()
	if len(p.ACRValues) == 0 {
		return wanted
	}
	return slices.DeleteFunc(wanted, func(acr string) bool { return !slices.Contains(p.ACRValues, acr) })
}

// proofOf is what a provider said about how it recognised the person, if it fits a token.
func proofOf(id *providers.Identity) (p proof) {
	const longest, most = 255, 20
	if len(id.ACR) <= longest && oauth.CleanText(id.ACR) {
		p.acr = id.ACR
	}
	for _, method := range id.AMR {
		if method != "" && len(method) <= longest && len(p.amr) < most && oauth.CleanText(method) {
			p.amr = append(p.amr, method)
		}
	}
	return p
}
