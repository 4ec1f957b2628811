// Package story is the shortest whole story of a broker, as a test: a person signs in,
// with a password or with Google; the app gets a token for five minutes and a refresh
// token; the API lets it read and refuses it to write; the app takes its access back,
// and the refresh token is worth nothing.
//
//	browser ──▶ handstamp dev ──▶ password page, or the pretend Google
//	app ◀── code ──▶ tokens ──▶ API: GET 200, POST 403
//	app ──▶ revoke ──▶ refresh: invalid_grant
//
// It runs the real program, and plays browser and app with nothing but net/http, so
// that every step can be read. Its client is public, as a page in a browser would be.
package story
