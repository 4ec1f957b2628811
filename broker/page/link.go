package page

import "net/http"

// LinkAway says where a person goes to prove a second way to sign in. It is a page with
// a link and not a redirect: the form that led here may not end at a provider.
type LinkAway struct {
	Provider   string // title
	Href       string // the provider, or the sign-in that comes first
	SignInDue  bool   // the person has to sign in anew before anything can be added
	CancelHref string
}

// LinkAway shows it.
func (p *Pages) LinkAway(w http.ResponseWriter, v LinkAway) error {
	name := or(words(v.Provider), p.Say("the provider"))
	out := linkView{Title: p.Say("Add a way to sign in"), Lead: p.Say("You will sign in at %s. Whoever can sign in there can then open this account, too.", name),
		Button: p.Say("Continue to %s", name), Href: walkLink(v.Href), Cancel: walkLink(v.CancelHref)}
	if v.SignInDue {
		out.Title, out.Button = p.Say("Please sign in again"), p.Say("Sign in")
		out.Lead = p.Say("Ways to sign in are changed only shortly after you signed in. You come back to your account and can go on there.")
	}
	return p.show(w, http.StatusOK, "link", view{Title: out.Title, Page: out}, policy{Forms: "'none'"})
}

// LinkConfirm names both sides before they become one account (L07).
type LinkConfirm struct {
	Person             string // whose account it is
	Provider, Identity string // what is added: the provider's title, and whom it knows
	Action, Token      string // where the form posts to, and its hidden field "token"
	Offer              string // hidden field "offer"
	CancelHref         string
}

// LinkConfirm shows it.
func (p *Pages) LinkConfirm(w http.ResponseWriter, v LinkConfirm) error {
	out := linkView{Title: p.Say("Add this way to sign in?"), Lead: p.Say("Whoever can sign in with it can then open this account."),
		Account: words(v.Person), Provider: words(v.Provider), Identity: words(v.Identity),
		Button: p.Say("Add it"), Action: walkLink(v.Action), Cancel: walkLink(v.CancelHref),
		Fields: []Field{{"token", v.Token}, {"end", "join"}, {"offer", v.Offer}}}
	return p.show(w, http.StatusOK, "link", view{Title: out.Title, Page: out}, policy{Forms: "'self'"})
}

// linkView is either of the two: with a form where Action is set.
type linkView struct {
	Title, Lead, Button         string
	Account, Provider, Identity string
	Href, Action, Cancel        link
	Fields                      []Field
}
