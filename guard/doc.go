// Package guard protects a Go API with the access tokens of a Handstamp broker.
//
//	g, err := guard.New("https://id.example", "https://api.example")
//	…
//	mux.Handle("GET /items", g.Require("items:read")(listItems))
//
// It owns what every protected request needs: finding the bearer token, checking
// it (signature, issuer, audience, times, kind), looking at its scopes, and the
// answers that RFC 6750 wants when something is missing. It leaves to the API what
// a person may do with one particular thing; From hands over who is asking.
//
//	request ──▶ bearer ──▶ tokens.Verifier ──▶ scopes ──▶ handler, From(ctx)
//	              │              │                │
//	             401            401, 503         403
//	                             │
//	                       keys of the issuer, cached ┄┄▶ {issuer}/.well-known/openid-configuration
//
// # Keys
//
// New touches no network, so an API starts while its broker is down. Keys are
// fetched when the first token needs them and cached. However many requests wait,
// one fetch runs at a time; a flood of tokens with invented key ids causes at most
// one a minute; a broker that fails is asked again after a growing pause. While it
// is away, the keys that are known keep working for a day. Ready tells a readiness
// probe whether there are any.
//
// Only the issuer's own origin is asked, over https (plain http only for a loopback
// issuer); redirects are not followed and answers are bounded.
//
// # How fast a revocation arrives
//
// A token is verified offline, without asking the broker, so one that was revoked
// is accepted until it expires: five minutes after it was issued, unless the broker
// is configured otherwise, and never more than an hour. Where that is too long for
// one operation, let it ask the broker's userinfo endpoint with the same token, or its
// introspection endpoint, which knows machines' tokens too.
//
// # Step-up
//
// RequireAuth with MaxAge or ACR protects what needs a sign-in that is young or
// strong. It answers with the challenge of RFC 9470, from which an app knows how to
// send the person to the broker once more.
//
// # Machines
//
// A client may also act for itself, without a person (client_credentials). Its tokens
// pass like any other, by their scopes: Token.Machine tells them apart where it
// matters, such as in a route that shows "my" things.
//
// # Other frameworks
//
// Package ginguard does the same for gin. For anything else, Checker looks at an
// *http.Request and Verify at a bare token, such as one from gRPC metadata. Package
// guardtest issues tokens in tests, with no network.
package guard
