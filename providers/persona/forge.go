package persona

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"sync"
	"time"
)

// Forgery is a way in which the signature of an ID token lies. A relying party
// refuses every one of them.
type Forgery string

// The forgeries; their text says what was done.
const (
	Honest              Forgery = ""
	ForgeNone           Forgery = "alg none, no signature"
	ForgeNoneCase       Forgery = "alg nOnE, no signature"
	ForgeStripped       Forgery = "honest header, no signature"
	ForgeTampered       Forgery = "another subject written into a signed payload"
	ForgeWrongKey       Forgery = "unpublished key under the published key id"
	ForgeUnknownKid     Forgery = "unpublished key under an unknown key id"
	ForgeWithdrawnKey   Forgery = "key that was withdrawn, see WithdrawOldKeys"
	ForgeRandomKid      Forgery = "unpublished key under a fresh key id each time"
	ForgeHS256Secret    Forgery = "HS256 keyed with the client secret"
	ForgeHS256PublicKey Forgery = "HS256 keyed with the public key as PEM"
	ForgeHS256DER       Forgery = "HS256 keyed with the public key as DER"
	ForgeEmbeddedJWK    Forgery = "key brought along in the jwk header"
	ForgeJKU            Forgery = "keys to be fetched from a jku header"
	ForgeX5U            Forgery = "certificate to be fetched from an x5u header"
	ForgeX5C            Forgery = "certificate brought along in an x5c header"
	ForgeZeroES256      Forgery = "ES256 with r = s = 0"
	ForgeCritical       Forgery = "unknown critical header, well signed"
	ForgeUnencoded      Forgery = "b64 false, well signed"
	ForgeJSON           Forgery = "JSON serialisation with two signatures"
	ForgePadded         Forgery = "base64 with padding"
	ForgeAccessToken    Forgery = "typ at+jwt, well signed"
	ForgeLogoutToken    Forgery = "typ logout+jwt, well signed"
	ForgeTwoParts       Forgery = "two parts"
	ForgeFourParts      Forgery = "four parts"
	ForgeGarbage        Forgery = "no JWT at all"
)

// Forgeries lists every forgery, for a table test.
func Forgeries() []Forgery {
	return []Forgery{
		ForgeNone, ForgeNoneCase, ForgeStripped, ForgeTampered, ForgeWrongKey, ForgeUnknownKid, ForgeWithdrawnKey, ForgeRandomKid,
		ForgeHS256Secret, ForgeHS256PublicKey, ForgeHS256DER, ForgeEmbeddedJWK, ForgeJKU, ForgeX5U, ForgeX5C,
		ForgeZeroES256, ForgeCritical, ForgeUnencoded, ForgeJSON, ForgePadded, ForgeAccessToken, ForgeLogoutToken,
		ForgeTwoParts, ForgeFourParts, ForgeGarbage,
	}
}

// forge signs payload dishonestly. RFC 8725 §2 lists most of these.
func (p *Persona) forge(f Fault, header Claims, payload []byte, key *signingKey) string {
	stranger := strangerKey()
	with := func(more Claims) Claims {
		h := maps.Clone(header)
		maps.Copy(h, more)
		override(h, f.Header)
		return h
	}
	unsigned := func(h Claims) string { return b64(compactJSON(h)) + "." + b64(payload) }

	switch f.Forge {
	case ForgeNone:
		return unsigned(with(Claims{"alg": "none"})) + "."
	case ForgeNoneCase:
		return unsigned(with(Claims{"alg": "nOnE"})) + "."
	case ForgeStripped:
		return unsigned(with(nil)) + "."
	case ForgeTampered:
		h := with(nil)
		sig := signRS256(unsigned(h), key.private)
		payload = append([]byte(`{"sub":"victim",`), payload[1:]...)
		return unsigned(h) + "." + b64(sig)
	case ForgeWrongKey:
		return rs256(with(nil), payload, stranger)
	case ForgeUnknownKid:
		return rs256(with(Claims{"kid": "nobody-knows-this-key"}), payload, stranger)
	case ForgeWithdrawnKey:
		former := p.keys.formerSigner()
		return rs256(with(Claims{"kid": former.id}), payload, former.private)
	case ForgeRandomKid:
		return rs256(with(Claims{"kid": random(20)}), payload, stranger)
	case ForgeHS256Secret:
		return hs256(with(Claims{"alg": "HS256"}), payload, []byte(p.clientSecret))
	case ForgeHS256PublicKey, ForgeHS256DER:
		der, err := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
		if err != nil {
			panic(err) // a key of our own making
		}
		if f.Forge == ForgeHS256PublicKey {
			der = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		}
		return hs256(with(Claims{"alg": "HS256"}), payload, der)
	case ForgeEmbeddedJWK:
		return rs256(with(Claims{"kid": "embedded", "jwk": publicJWK("embedded", &stranger.PublicKey)}), payload, stranger)
	case ForgeJKU:
		return rs256(with(Claims{"kid": "canary", "jku": p.CanaryURL()}), payload, stranger)
	case ForgeX5U:
		return rs256(with(Claims{"kid": "canary", "x5u": p.CanaryURL()}), payload, stranger)
	case ForgeX5C:
		return rs256(with(Claims{"x5c": []string{base64.StdEncoding.EncodeToString(strangerCertificate())}}), payload, stranger)
	case ForgeZeroES256:
		return unsigned(with(Claims{"alg": "ES256"})) + "." + b64(make([]byte, 64)) // CVE-2022-21449
	case ForgeCritical:
		return rs256(with(Claims{"crit": []string{"x"}, "x": true}), payload, key.private)
	case ForgeUnencoded:
		return rs256(with(Claims{"crit": []string{"b64"}, "b64": false}), payload, key.private)
	case ForgeJSON:
		h := b64(compactJSON(with(nil)))
		signed := h + "." + b64(payload)
		return string(compactJSON(map[string]any{"payload": b64(payload), "signatures": []map[string]string{
			{"protected": h, "signature": b64(signRS256(signed, key.private))},
			{"protected": h, "signature": b64(signRS256(signed, stranger))},
		}}))
	case ForgePadded:
		h, b := compactJSON(with(nil)), payload
		for len(b)%3 == 0 { // so that there is something to pad
			b = append(b, ' ')
		}
		signed := base64.URLEncoding.EncodeToString(h) + "." + base64.URLEncoding.EncodeToString(b)
		return signed + "." + base64.URLEncoding.EncodeToString(signRS256(signed, key.private))
	case ForgeAccessToken:
		return rs256(with(Claims{"typ": "at+jwt"}), payload, key.private)
	case ForgeLogoutToken:
		return rs256(with(Claims{"typ": "logout+jwt"}), payload, key.private)
	case ForgeTwoParts:
		return unsigned(with(nil))
	case ForgeFourParts:
		return rs256(with(nil), payload, key.private) + "." + random(8)
	default:
		return "not.a.token " + strings.Repeat("x", 20)
	}
}

func hs256(header Claims, payload, key []byte) string {
	signed := b64(compactJSON(header)) + "." + b64(payload)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

// strangerCertificate certifies strangerKey by itself.
var strangerCertificate = sync.OnceValue(func() []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "accounts.google.com"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &strangerKey().PublicKey, strangerKey())
	if err != nil {
		panic(err) // a key of our own making
	}
	return der
})
