// Package oauth holds the protocol's words and the pure decisions over them:
// error codes, redirect URIs, PKCE and one-time secrets. No I/O, no clock.
//
//	bytes from a stranger ──▶ oauth ──▶ a checked value, or an Error for the app
//
// It leaves to broker who may hear an error, and to broker/grant who the client is.
package oauth
