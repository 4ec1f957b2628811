package persona

// Auth0 makes a stand-in for an Auth0 tenant.
func Auth0(o Options) *Persona { return build(auth0Vendor, o) }
