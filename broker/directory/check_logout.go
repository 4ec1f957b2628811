package directory

import (
	"strings"

	"github.com/handstamp/handstamp/broker/oauth"
)

// clientLogout checks where an app is told that a session ended (OpenID Connect
// Back-Channel Logout 1.0 §2.2). The address that its name leads to is looked at
// when it is called; here its spelling is.
func (c *compiler) clientLogout(cl *Client, at report) {
	uri := cl.BackchannelLogoutURI
	if uri == "" {
		if cl.BackchannelLogoutSessionRequired {
			at.at("backchannel_logout_session_required").say("the client has no backchannel_logout_uri", "the address in the app that takes logout tokens, or remove this")
		}
		return
	}
	if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "http://") {
		at.at("backchannel_logout_uri").say(quoted(uri)+" is not a web address", "write https://…")
		return
	}
	if err := oauth.CheckRedirectRegistration(uri); err != nil {
		at.at("backchannel_logout_uri").say(quoted(uri)+" cannot be registered: "+err.Error(), uriHint(uri, oauth.CheckRedirectRegistration))
	}
}
