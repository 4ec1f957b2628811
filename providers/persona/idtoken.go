package persona

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"time"
)

// idToken writes the ID token of a grant, honest or as a fault wants it.
func (p *Persona) idToken(f Fault, g *given, u User, nonce, access string, now time.Time) string {
	if f.RawIDToken != "" {
		return f.RawIDToken
	}
	claims := Claims{
		"iss": p.Issuer(),
		"aud": p.clientID,
		"sub": g.subject,
		"iat": now.Unix(),
		"exp": now.Add(p.vendor.idLife).Unix(),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if p.vendor.authTime(&g.req) {
		claims["auth_time"] = g.authTime.Unix()
	}
	maps.Copy(claims, p.vendor.idClaims(g, u, now))
	if p.vendor.kind != KindAuth0 {
		// OIDC Core §3.1.3.6: the left half of the access token's hash. Auth0
		// leaves it out in the code flow.
		sum := sha256.Sum256([]byte(access))
		claims["at_hash"] = b64(sum[:16])
	}
	if p.vendor.kind == KindGoogle {
		claims["azp"] = p.clientID
	}

	if f.GroupOverage {
		delete(claims, "groups")
		claims["_claim_names"] = map[string]string{"groups": "src1"}
		claims["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": p.CanaryURL()}}
	}
	if f.WrongNonce != "" {
		claims["nonce"] = f.WrongNonce
	}
	if f.DropNonce {
		delete(claims, "nonce")
	}
	override(claims, f.Claims)

	payload := compactJSON(claims)
	if f.AppendPayload != "" {
		payload = append(bytes.TrimSuffix(payload, []byte("}")), ","+f.AppendPayload+"}"...)
	}
	if f.Payload != nil {
		payload = f.Payload(payload)
	}
	return p.sign(f, payload)
}

// sign makes the JWT.
func (p *Persona) sign(f Fault, payload []byte) string {
	key := p.keys.signer()
	header := Claims{"alg": "RS256", "kid": key.id}
	if p.vendor.kind != KindOkta && p.vendor.kind != KindOktaOrg {
		header["typ"] = "JWT" // Okta leaves it out
	}
	if f.Forge != Honest {
		return p.forge(f, header, payload, key)
	}
	override(header, f.Header)
	return rs256(header, payload, key.private)
}

func rs256(header Claims, payload []byte, key *rsa.PrivateKey) string {
	signed := b64(compactJSON(header)) + "." + b64(payload)
	return signed + "." + b64(signRS256(signed, key))
}

func signRS256(signed string, key *rsa.PrivateKey) []byte {
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(fmt.Sprintf("persona: sign: %v", err)) // a key of our own making
	}
	return sig
}

// override replaces members and removes those that are Absent.
func override(claims, with Claims) {
	for name, v := range with {
		if v == Absent {
			delete(claims, name)
			continue
		}
		claims[name] = v
	}
}

func rs256Valid(parts []string, key *signingKey) bool {
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, sum[:], sig) == nil
}
