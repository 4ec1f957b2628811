package persona

// Okta makes a stand-in for a custom authorization server of an Okta org.
func Okta(o Options) *Persona { return build(oktaVendor, o) }

// OktaOrg makes a stand-in for the org authorization server.
func OktaOrg(o Options) *Persona { return build(oktaOrgVendor, o) }
