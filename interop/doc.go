// Package interop holds Handstamp against parts that others wrote.
//
// It owns the proof that strangers' software works with the broker as it is shipped: each test starts the real binary,
// `handstamp serve -c FILE`, between an upstream and an app that know nothing of each other or of us. It is a module of its own, so
// that none of its dependencies enters the broker's go.mod, and it meets the product only through its front doors: the binary, HTTP,
// and the guard package that every Go API may import.
//
//	apps and machines            the broker                upstreams
//	openid-client  (Node)   ─┐                       ┌─  oidc-provider as Google, Okta, Auth0 (Node)
//	oauth4webapi   (Node)   ─┤                       │
//	oidc-client-ts (page)   ─┤                       │
//	Auth.js        (Node)   ─┤                       ├─  emulate as Google, Okta (Node)
//	express-openid-connect  ─┼─▶ handstamp serve ──▶─┤
//	go-oidc        (Go)     ─┤        │              └─  the personas of `handstamp dev`
//	mod_auth_openidc        ─┤        │
//	oidc-agent, kubelogin's ─┘        ▼
//	                         jose, PyJWT, guard (APIs)
//	                         k8s.io/apiserver (kube/)
//
//	schemathesis (Python) ─▶ the administration API
//
// What it leaves to others: the broker's own promises are tested in their own rooms, against upstreams that misbehave on demand.
//
// Every part that others wrote is named by a test attribute, `part`, with its version; the test runner (cmd/testall) prints them with
// their result and seconds. Nothing here is skipped: a part that is missing fails its test and names what to install.
//
// The programs in node/, python/ and kube/ print one JSON line for each thing they found out, and the Go test judges it.
package interop
