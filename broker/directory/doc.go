// Package directory is the book of who may come and where they may go: identity
// providers, apps, APIs and the rules between them.
//
//	Document ──▶ Compile ──▶ Snapshot ──▶ Client, Provider, Resource   who is this?
//	(settings)      │        (immutable)  Target                       which audience, which scopes?
//	                ▼                     Admit                        may this person come in?
//	            []Problem
//	  every fault at once, each with its place and the likely fix
//
// A request takes one Snapshot and keeps it to its end, so that it never sees
// half of a change. Admit is the one gate that login, single sign-on, code,
// refresh and userinfo pass; a restriction that stands anywhere else would be
// forgotten on one of them.
//
// The package is pure: no I/O, no clock. Reading a settings file belongs to
// configs, evaluating rules to broker/mapping, talking to a provider to
// providers, and how a client proves itself at an endpoint to broker/grant.
package directory
