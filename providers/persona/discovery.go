package persona

import "net/http"

// discovery answers with the provider's metadata. OIDC Discovery §4.
func (p *Persona) discovery(w http.ResponseWriter, _ *http.Request) {
	f := p.faults.Current()
	doc := p.vendor.metadata(p)
	doc["issuer"] = p.Issuer()
	for name, e := range map[string]Endpoint{
		"authorization_endpoint": Authorize,
		"token_endpoint":         Token,
		"userinfo_endpoint":      UserInfo,
		"jwks_uri":               JWKS,
		"revocation_endpoint":    Revoke,
		"end_session_endpoint":   EndSession,
	} {
		if at := p.endpoint(e); at != "" {
			doc[name] = at
		}
	}
	const iss = "authorization_response_iss_parameter_supported"
	if p.vendor.sendsIss {
		doc[iss] = true
	}
	switch f.AdvertiseIss {
	case AsVendor:
	case Yes:
		doc[iss] = true
	case No:
		doc[iss] = false
	}
	override(doc, f.Metadata)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeJSON(w, http.StatusOK, doc)
}
