package directory

// AccountClient is what rules see as client.id when a person signs in to the broker's
// own account page. No app can have this id: it has a character that theirs may not.
const AccountClient = "handstamp:account"

// Account stands in for an app where a person visits the broker's own account page,
// so that the same gate stands there: every enabled provider, no scopes. It is no
// client: Client does not find it, it has no redirect URI and proves itself to nobody.
func (s *Snapshot) Account() *Client { return s.account }

func accountClient(s *Snapshot) *Client {
	c := &Client{ID: AccountClient, Name: "your account", FirstParty: true}
	c.compiled = compileClient(c, s)
	return c
}

// current returns a client as this snapshot has it.
func (s *Snapshot) current(c *Client) (*Client, bool) {
	switch c.ID {
	case AccountClient:
		return s.account, true
	case AdminClient:
		return s.admin, true
	}
	current, ok := s.clientByID[c.ID]
	return current, ok
}
