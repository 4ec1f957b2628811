package page

import "net/http"

// ConfirmRedirect asks before a person who did not sign in is sent on to an app that the
// people who run the broker do not vouch for (RFC 9700 §4.11.2). It belongs to an
// error, so its status is 400, and its address may hold a state: it loads nothing.
type ConfirmRedirect struct {
	App       string
	Host      string  // where it leads
	Href      string  // the answer to the app, or the address that Fields are posted to
	Fields    []Field // the answer where it goes by POST
	Code      string  // protocol error code
	Reference string
}

// ConfirmRedirect names the host and waits for the person.
func (p *Pages) ConfirmRedirect(w http.ResponseWriter, v ConfirmRedirect) error {
	csp := policy{Forms: "'none'"}
	if len(v.Fields) > 0 {
		csp.Forms = "" // ends at the app
	}
	return p.show(w, http.StatusBadRequest, "confirm", view{Title: p.Say("Leave this site?"), Bare: true, Page: struct {
		App, Host, Code, Reference string
		Href                       link
		Fields                     []Field
	}{words(v.App), words(v.Host), words(v.Code), words(v.Reference), walkLink(v.Href), v.Fields}}, csp)
}
