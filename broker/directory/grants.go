package directory

import "slices"

// grantTypes are the words that a client's grant_types may list. A grant type that
// registers itself adds its own.
var grantTypes = []string{GrantCode, GrantRefresh, GrantClient}

// KnowGrantType lets clients list a grant type. Registering one calls it, before any
// settings are read. The password grant stays out: it has a setting of its own.
func KnowGrantType(name string) {
	if name != GrantPassword && !slices.Contains(grantTypes, name) {
		grantTypes = append(grantTypes, name)
	}
}
