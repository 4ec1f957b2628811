package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/storage"
)

// A login as a story: each step as a sentence, and at the end what would help. The same
// sentences are read in the console and in the shell.

// says tells one step.
func says(step storage.LoginStep, l *storage.Login) string {
	client, provider := cmp.Or(l.ClientID, "an app"), cmp.Or(l.Provider, "a provider")
	with := func(text, note string) string {
		if step.Note == "" {
			return text
		}
		return text + fmt.Sprintf(note, step.Note)
	}
	switch step.What {
	case storage.StepAsked:
		return with(client+" asked for a login", " (prompt %s)")
	case storage.StepSession:
		return "the person was signed in here already"
	case storage.StepProvider:
		return with("a provider was chosen", ": %s")
	case storage.StepSent:
		return "the person was sent to " + provider
	case storage.StepBack:
		return "they came back from " + provider
	case storage.StepRecognised:
		if step.Note == "new" {
			return provider + " said who it is: somebody who was never here before"
		}
		return provider + " said who it is"
	case storage.StepRules:
		return "the rules were asked"
	case storage.StepAdmitted:
		return "the person was let in"
	case storage.StepConsent:
		return "they were asked whether " + client + " may have this"
	case storage.StepAgreed:
		return "they agreed"
	case storage.StepLeftOut:
		return with("something was asked for and not given", ": %s")
	case storage.StepCode:
		return client + " was given a code"
	case storage.StepTokens:
		return client + " was given tokens at once"
	case storage.StepRefused:
		return with("and the login ended here", ": %s")
	}
	return with(step.What, ": %s") // of a newer version
}

// fix is what would probably help with a login that did not go well, or with scopes
// that it did not get. nil: nothing is known to be wrong.
func (s *Server) fix(l *storage.Login) *api.Fix {
	switch l.Outcome {
	case storage.LoginSignedIn, storage.LoginTest:
		return s.fixMissing(l)
	case storage.LoginAbandoned:
		return &api.Fix{Says: "The person did not come back. If this happens often, look at the sign-in page of " + cmp.Or(l.Provider, "the provider") + ": its error stands there, not here."}
	case storage.LoginFailed:
		return s.fixFailed(l)
	}
	return s.fixRefused(l)
}

func (s *Server) fixRefused(l *storage.Login) *api.Fix {
	snap := s.snapshot()
	explain := "handstamp explain --reference " + l.Reference
	p, there := snap.Provider(l.Provider)
	switch {
	case l.Rule != "":
		return &api.Fix{Says: "The rule “" + l.Rule + "” turned the person away. If they should come in, change its condition, or the group at " + cmp.Or(l.Provider, "the provider") + " that it looks at.",
			Command: explain, Rule: l.Rule}
	case strings.Contains(l.Cause, "user ") && strings.HasSuffix(l.Cause, " is disabled"):
		return &api.Fix{Says: "The person is switched off here. Enabling them lets them sign in again.", Command: "handstamp users enable --sub " + l.UserSubject}
	case strings.Contains(l.Cause, "no administrator's role"):
		return &api.Fix{Says: "The person is no administrator by this identity. An owner can make them one.", Command: "handstamp admin set --sub " + l.UserSubject + " --provider " + l.Provider + " --role viewer"}
	case strings.Contains(l.Cause, "allowed_domains"), strings.Contains(l.Cause, "e-mail address is"), strings.Contains(l.Cause, "trusted for the address's domain"):
		return &api.Fix{Says: "The provider " + l.Provider + " takes only verified addresses of its allowed_domains, and trust_email and email_domains say whose word about an address counts: " + l.Cause + "."}
	case strings.Contains(l.Cause, "hosted_domain"), strings.Contains(l.Cause, "organization of provider"):
		return &api.Fix{Says: "The person signed in with an account of another organization than the one that the provider " + l.Provider + " is limited to: let them choose the right account there, or change the setting."}
	case l.Provider != "" && !there:
		return &api.Fix{Says: "The provider " + l.Provider + " is no longer in the directory."}
	case there && p.Disabled:
		return &api.Fix{Says: "The provider " + l.Provider + " is switched off in the directory."}
	case strings.Contains(l.Cause, "sign-up"), strings.Contains(l.Cause, "signup"):
		return &api.Fix{Says: "Nobody new may come from " + l.Provider + ": its setting signup says so. Open it, or make the person first."}
	}
	if c, ok := snap.Client(l.ClientID); ok && l.Provider != "" && len(c.Providers) > 0 && !slices.Contains(c.Providers, l.Provider) {
		return &api.Fix{Says: l.ClientID + " takes nobody from " + l.Provider + ": add it to the app's providers, or let the person choose another."}
	}
	if l.Code == oauth.InvalidScope || l.Code == oauth.InvalidTarget {
		return &api.Fix{Says: "The app asked for something that its settings do not have. Add the scope to the app, or take it out of the app's request.",
			Command: "handstamp clients show " + l.ClientID}
	}
	if l.Claims == nil && l.Provider != "" { // nobody was recognised, so there is nothing to explain
		return &api.Fix{Says: "The login ended at " + l.Provider + ", before it said who it is. Mostly the person cancelled there; where many are turned away, that provider's own log and the app's assignments there say why."}
	}
	return &api.Fix{Says: "Look at what the rules and the app's settings say to these claims.", Command: explain}
}

func (s *Server) fixFailed(l *storage.Login) *api.Fix {
	slug := cmp.Or(l.Provider, "the provider")
	if l.Code == oauth.TemporarilyUnavailable {
		return &api.Fix{Says: slug + " did not answer. Nothing here has to change if it answers now.", Command: "handstamp check"}
	}
	if strings.Contains(l.Cause, "discovery refuses") {
		says := slug + " has no discovery document where its issuer says: the issuer is likely misspelled, or lacks a part of its path."
		if p, there := s.snapshot().Provider(l.Provider); there {
			if issuer, err := issuerOf(p); err == nil {
				says += " It was asked at " + strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration (" + l.Cause + ")."
			}
		}
		return &api.Fix{Says: says + " The console asks again: Providers, " + slug + "."}
	}
	return &api.Fix{Says: slug + " answered something that cannot be trusted: " + cmp.Or(l.Cause, "see the log") + ". Its settings here and there (client id, secret, redirect URI) are the likely reason.",
		Command: "handstamp check"}
}

// fixMissing is about a login that went well and left something out.
func (s *Server) fixMissing(l *storage.Login) *api.Fix {
	var missing []string
	for _, scope := range l.Asked {
		if !slices.Contains(l.Scopes, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &api.Fix{Says: "The app asked for " + strings.Join(missing, " ") + " and did not get it: no rule gives it to this person, or the app's settings do not have it.",
		Command: "handstamp explain --reference " + l.Reference}
}
