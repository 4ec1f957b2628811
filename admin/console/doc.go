// Package console is the administration console: pages that a server renders and a
// browser shows, with nothing of its own to decide.
//
//	browser ── cookie ──▶ door ──▶ page ──▶ admin API (in process, with the person's token)
//	                       │ nobody signed in
//	                       ▼
//	                     sign-in ┄┄▶ broker /authorize ┄┄▶ /callback ──▶ broker /token (in process)
//	shell  ── link ──────▶ enter ──▶ an owner session of some minutes
//
// It owns the session cookie, the forms and how things look. It leaves to the admin
// API who may do what, and to the broker who somebody is: the console is an app like
// any other, a backend-for-frontend whose tokens never reach the browser's scripts.
// Everything works without JavaScript.
//
// # Adding a page
//
// A page is one Go file and one template.
//
//  1. Write a method of Console that returns its routes and name it in pages (routes.go). A
//     route says its pattern, the scope that it needs and the handler: a route without
//     the scope answers 403, and the layout hides the navigation entry.
//  2. The handler is func(*visit) error. It reads and writes with v.api, the admin API's client with
//     this person's token (v.api.Clients(v.ctx(), …); v.change(form) for changes of the
//     directory), and ends in v.show(name, title, data) or, after a write, in v.done(path, "what happened"). An error is returned as it is: v.fail
//     turns it into a page, a new sign-in or a conflict.
//  3. templates/name.html defines "page". Its dot is the frame: .Page is what the
//     handler gave, .CSRF the form token, .Can "directory:write" what this person may do.
//     Forms begin with {{template "post" $}} or are drawn whole by {{template "form" (form $ .Page.Form)}}.
//     Times go through {{template "time" (at .CreatedAt)}}, words of other people stand in <bdi>.
//  4. A form is a *Form of Fields: Form.read takes what was typed, Form.blame puts the
//     API's problems beside their fields. Destructive acts have a page of their own: v.confirm.
//  5. Add the page's address to the list in kit_test.go: from then on the tests hold it to
//     headers, CSRF, escaping and roles, and the browser run to axe and screenshots.
package console
