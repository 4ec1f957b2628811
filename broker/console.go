package broker

import (
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
)

// AdminDoor is the console's way in: a broker that has one lets people sign in to the
// built-in client directory.AdminClient, and no other.
type AdminDoor struct {
	RedirectURI string // where a sign-in ends, exact
	Base        string // the console's own address, which a test sign-in leads back to
}

// redirectURIs are where an app's sign-ins may end.
func (b *Broker) redirectURIs(c *directory.Client) []string {
	if c.ID == directory.AdminClient {
		return []string{b.admin.RedirectURI}
	}
	return c.RedirectURIs
}

// postLogoutURIs are where a sign-out that an app began may end.
func (b *Broker) postLogoutURIs(c *directory.Client) []string {
	if c.ID == directory.AdminClient {
		home := strings.TrimSuffix(b.admin.Base, "/")
		return []string{home, home + "/"}
	}
	return c.PostLogoutRedirectURIs
}
