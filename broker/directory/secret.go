package directory

// UnknownClient stands in for a client that does not exist, so that refusing it
// takes the same work as refusing a wrong secret. No secret is ever right for it.
var UnknownClient = &Client{}

// SecretMatches tells whether a secret is one of the client's live ones.
func (c *Client) SecretMatches(secret string) bool { return false }

type compiledClient struct{}

func (c *Client) allowsProvider(slug string) bool { return false }
