package console

import (
	"net/http"
	"net/url"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

func (c *Console) signOutRoutes() []route {
	return []route{
		{"POST /sign-out", nobody, c.signOut},
		{"GET /signed-out", nobody, func(v *visit) error { return v.show("signed-out", "Signed out", nil) }},
	}
}

// signOut ends the console's own session at once and leads on to the broker's sign-out
// (OpenID Connect RP-Initiated Logout). It leads by Refresh and not by a redirect: a
// browser would hold every hop behind it to this page's form-action.
func (c *Console) signOut(v *visit) error {
	c.jar.clear(v.w, "")
	s := v.session
	if s != nil && s.Link {
		v.cause = c.client(s.Access).EndLinkSession(v.ctx())
	}
	if s == nil || s.Link {
		return v.seeOther("/signed-out")
	}
	if s.Refresh != "" {
		res, err := c.postForm(onBehalf(v.r), "/revoke", url.Values{"client_id": {directory.AdminClient}, "token": {s.Refresh}})
		if err != nil {
			v.cause = err // the session of the broker ends next, and the token with it
		} else {
			res.Body.Close()
		}
	}
	q := url.Values{"client_id": {directory.AdminClient}, "id_token_hint": {s.IDToken}, "post_logout_redirect_uri": {c.URL}}
	to := c.Issuer + "/logout?" + q.Encode()
	c.jar.seal(v.w, "-out", true, tripLife) // where the broker leads back, nobody is signed in again at once
	v.session, v.me = nil, api.Me{}
	v.w.Header().Set("Refresh", "0; url="+to)
	return v.showAs(http.StatusOK, "signing-out", "Signing out", to)
}
