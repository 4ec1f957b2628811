package persona

// Google makes a stand-in for accounts.google.com. True to it: …
func Google(o Options) *Persona { return build(googleVendor, o) }
