package tokens

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

type object = map[string]any

func testVerifier(m *Mint) *Verifier {
	return &Verifier{Issuer: testIssuer, Keys: m.Ring, Now: m.Now}
}

func segment(v any) string {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// forge signs any header and claims (objects, or bytes to be taken as they are).
func forge(t testing.TB, method jwt.SigningMethod, key any, header, claims any) string {
	t.Helper()
	text := segment(header) + "." + segment(claims)
	sig, err := method.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func goodHeader(k *signingKey) object {
	return object{"alg": string(k.Alg), "typ": "at+jwt", "kid": k.ID}
}

func goodClaims() object {
	return object{"iss": testIssuer, "sub": "usr_alice", "aud": testAudience, "exp": noon.Unix() + 300, "iat": noon.Unix(),
		"jti": "grant1.x", "client_id": "web", "scope": "items:read"}
}

func with(o object, name string, value any) object {
	o = maps.Clone(o)
	if o[name] = value; value == nil {
		delete(o, name)
	}
	return o
}

// signerOf returns the active key of the one algorithm of a mint.
func signerOf(t testing.TB, m *Mint) *signingKey {
	t.Helper()
	k, err := m.Ring.signer("", m.Ring.Algs()[0])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATokenSaysWhatTheGrantSaid(t *testing.T) {
	for _, alg := range []Alg{ES256, RS256, PS256, EdDSA} {
		m := testMint(t, alg)
		g := alice()
		g.Claims = object{"department": "press"}
		c, err := testVerifier(m).Access(context.Background(), access(t, m, g), testAudience)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if c.Issuer != testIssuer || c.Subject != g.Subject || c.ClientID != g.ClientID || c.SessionID != g.SessionID || c.GrantID() != g.GrantID ||
			fmt.Sprint(c.Audience, c.Scopes, c.Roles, c.AMR) != fmt.Sprint(g.Audience, g.Scopes, g.Roles, g.AMR) || c.ACR != g.ACR ||
			c.IssuedAt.Unix() != noon.Unix() || c.ExpiresAt.Unix() != noon.Unix()+300 || c.AuthTime.Unix() != g.AuthTime.Unix() || c.Extra["department"] != "press" {
			t.Errorf("%s: %+v", alg, c)
		}
	}
}

// refuse checks that a token is refused as invalid, in few words that quote nothing of it.
func refuse(t *testing.T, v *Verifier, why, raw string) {
	t.Helper()
	c, err := v.Access(context.Background(), raw, testAudience)
	if !errors.Is(err, ErrInvalid) || c != nil {
		t.Errorf("%s: got %+v, %v, want ErrInvalid", why, c, err)
		return
	}
	if len(err.Error()) > 120 || strings.Contains(err.Error(), "evil") {
		t.Errorf("%s: the error says too much: %.300q", why, err)
	}
}

// passes checks that the same way of making a token gives a good one, so that a
// refusal is for the reason that the row names.
func passes(t *testing.T, v *Verifier, why, raw string) {
	t.Helper()
	if _, err := v.Access(context.Background(), raw, testAudience); err != nil {
		t.Errorf("%s: %v", why, err)
	}
}

func TestT07_AForgedTokenIsRefused(t *testing.T) {
	m := testMint(t, ES256, RS256, PS256, EdDSA)
	v := testVerifier(m)
	es, _ := m.Ring.signer(ES256, ES256)
	rs, _ := m.Ring.signer(RS256, RS256)
	ps, _ := m.Ring.signer(PS256, PS256)
	ed, _ := m.Ring.signer(EdDSA, EdDSA)
	for _, k := range []*signingKey{es, rs, ps, ed} {
		passes(t, v, string(k.Alg), forge(t, k.method, k.Private, goodHeader(k), goodClaims()))
	}

	for _, alg := range []string{"none", "None", "nOnE", ""} {
		h := with(goodHeader(es), "alg", alg)
		refuse(t, v, "alg "+alg, segment(h)+"."+segment(goodClaims())+".")
		refuse(t, v, "alg "+alg+" with a signature", forge(t, es.method, es.Private, h, goodClaims()))
	}
	for _, k := range []*signingKey{es, rs} {
		der, err := x509.MarshalPKIXPublicKey(k.Private.Public())
		if err != nil {
			t.Fatal(err)
		}
		jwk, _ := m.Ring.JWKS()
		for _, secret := range [][]byte{der, jwk, {}} {
			text := segment(with(goodHeader(k), "alg", "HS256")) + "." + segment(goodClaims())
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			refuse(t, v, "HS256 with the public key of "+string(k.Alg), text+"."+segment(mac.Sum(nil)))
		}
	}
	refuse(t, v, "PS256 signature with the RS256 key", forge(t, ps.method, rs.Private, with(goodHeader(rs), "alg", "PS256"), goodClaims()))
	refuse(t, v, "RS256 signature with the PS256 key", forge(t, rs.method, ps.Private, with(goodHeader(ps), "alg", "RS256"), goodClaims()))
	refuse(t, v, "RS512 with the RS256 key", forge(t, jwt.SigningMethodRS512, rs.Private, with(goodHeader(rs), "alg", "RS512"), goodClaims()))
	refuse(t, v, "the kid of another key", forge(t, es.method, es.Private, with(goodHeader(es), "kid", rs.ID), goodClaims()))
	refuse(t, v, "the header of another key", forge(t, es.method, es.Private, goodHeader(rs), goodClaims()))

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, v, "another curve", forge(t, jwt.SigningMethodES384, p384, with(goodHeader(es), "alg", "ES384"), goodClaims()))
	stranger, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, v, "a stranger's key under our kid", forge(t, es.method, stranger.Private, goodHeader(es), goodClaims()))
	refuse(t, v, "a stranger's key", forge(t, es.method, stranger.Private, with(goodHeader(es), "kid", stranger.ID), goodClaims()))
	refuse(t, v, "no kid", forge(t, es.method, es.Private, with(goodHeader(es), "kid", nil), goodClaims()))

	raw := forge(t, es.method, es.Private, goodHeader(es), goodClaims())
	parts := strings.Split(raw, ".")
	refuse(t, v, "other claims under a good signature", parts[0]+"."+segment(with(goodClaims(), "sub", "usr_evil"))+"."+parts[2])
	refuse(t, v, "no signature", parts[0]+"."+parts[1]+".")
	refuse(t, v, "a zero signature", parts[0]+"."+parts[1]+"."+segment(make([]byte, 64))) // CVE-2022-21449
	// The same ECDSA signature as ASN.1 is another spelling.
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	asn1, err := es.Private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, v, "an ASN.1 signature", parts[0]+"."+parts[1]+"."+segment(asn1))

	only := *v
	only.Algs = []Alg{RS256}
	refuse(t, &only, "an algorithm that this verifier does not accept", raw)
	passes(t, &only, "one that it does", forge(t, rs.method, rs.Private, goodHeader(rs), goodClaims()))
}

func TestT07_AFlippedBitAnywhereIsRefused(t *testing.T) {
	m := testMint(t, EdDSA) // the quickest
	v := testVerifier(m)
	raw := access(t, m, alice())
	for i := range raw {
		for _, c := range []byte{raw[i] ^ 1, raw[i] ^ 2, raw[i] ^ 0x20} {
			if _, err := v.Access(context.Background(), raw[:i]+string(c)+raw[i+1:], testAudience); !errors.Is(err, ErrInvalid) {
				t.Fatalf("byte %d as %q: %v", i, c, err)
			}
		}
		if _, err := v.Access(context.Background(), raw[:i], testAudience); !errors.Is(err, ErrInvalid) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

func TestT08_OneKindOfTokenIsNotAnother(t *testing.T) {
	m := testMint(t, RS256)
	v := testVerifier(m)
	k := signerOf(t, m)
	g := alice()
	g.Audience = []string{"web"} // even where the audience of both is the same
	at, id := access(t, m, g), mintID(t, m, g, IDToken{})
	if _, err := v.Access(context.Background(), at, "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Access(context.Background(), id, "web"); !errors.Is(err, ErrInvalid) || errors.Is(err, ErrAudience) {
		t.Errorf("an ID token as access token: %v", err)
	}
	if _, err := v.IDHint(context.Background(), at); !errors.Is(err, ErrInvalid) {
		t.Errorf("an access token as hint: %v", err)
	}
	for _, typ := range []any{"JWT", "logout+jwt", "dpop+jwt", "secevent+jwt", "at", "jwt+at", "at+jwt ", nil} {
		refuse(t, v, fmt.Sprintf("typ %v", typ), forge(t, k.method, k.Private, with(goodHeader(k), "typ", typ), goodClaims()))
	}
	for _, typ := range []string{"at+jwt", "application/at+jwt", "AT+JWT"} { // RFC 9068 §4, RFC 7515 §4.1.9
		passes(t, v, typ, forge(t, k.method, k.Private, with(goodHeader(k), "typ", typ), goodClaims()))
	}
	// An ID token that lost its typ has no jti and no client_id either.
	refuse(t, v, "an ID token's claims", forge(t, k.method, k.Private, goodHeader(k), with(part(t, id, 1), "aud", testAudience)))
}

func TestT09_AHeaderMemberThatWeDoNotKnowIsRefused(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	k := signerOf(t, m)
	for name, value := range map[string]any{"crit": []string{"x"}, "b64": false, "cty": "JWT", "zip": "DEF", "x": "y", "epk": object{}, "p2c": 1 << 31} {
		refuse(t, v, "M-7: "+name, forge(t, k.method, k.Private, with(goodHeader(k), name, value), goodClaims()))
	}
	refuse(t, v, "crit that is empty", forge(t, k.method, k.Private, with(goodHeader(k), "crit", []string{}), goodClaims()))
	refuse(t, v, "crit that names what it has", forge(t, k.method, k.Private, with(with(goodHeader(k), "crit", []string{"exp"}), "exp", 1), goodClaims()))
}

// canary remembers which keys were looked for.
type canary struct {
	KeyFinder
	asked []string
}

func (c *canary) FindKey(ctx context.Context, kid string) (PublicKey, error) {
	c.asked = append(c.asked, kid)
	return c.KeyFinder.FindKey(ctx, kid)
}

func TestT10_ATokenCannotBringOrNameItsOwnKey(t *testing.T) {
	m := testMint(t, ES256)
	k := signerOf(t, m)
	keys := &canary{KeyFinder: m.Ring}
	v := testVerifier(m)
	v.Keys = keys
	evil, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert", "x5c": []string{"MIIB"}, "x5t": "abc",
		"jwk": object{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}} {
		refuse(t, v, name+" signed by us", forge(t, k.method, k.Private, with(goodHeader(k), name, value), goodClaims()))
		refuse(t, v, name+" signed by itself", forge(t, k.method, evil.Private, with(goodHeader(k), name, value), goodClaims()))
	}
	if len(keys.asked) > 0 {
		t.Errorf("keys were looked for: %q", keys.asked)
	}
	for _, kid := range []string{"../../dev/null", "' OR 1=1 --", "https://evil.example/key", evil.ID, "\x00", k.ID + " ", strings.ToUpper(k.ID)} {
		refuse(t, v, "kid "+kid, forge(t, k.method, k.Private, with(goodHeader(k), "kid", kid), goodClaims()))
	}
	keys.asked = nil
	refuse(t, v, "a long kid", forge(t, k.method, k.Private, with(goodHeader(k), "kid", strings.Repeat("k", 4096)), goodClaims()))
	refuse(t, v, "a megabyte of kid", forge(t, k.method, k.Private, with(goodHeader(k), "kid", strings.Repeat("k", 1<<20)), goodClaims()))
	refuse(t, v, "a kid that is no string", forge(t, k.method, k.Private, with(goodHeader(k), "kid", []string{k.ID}), goodClaims()))
	if len(keys.asked) > 0 {
		t.Errorf("an odd kid was looked for")
	}
}

func TestAHintMayHaveExpiredButMustBeOurs(t *testing.T) {
	m := testMint(t, RS256, ES256)
	v := testVerifier(m)
	v.Now = func() time.Time { return noon.Add(8 * time.Hour) }
	raw := mintID(t, m, alice(), IDToken{Nonce: "n"})
	c, err := v.IDHint(context.Background(), raw)
	if err != nil || c.Subject != "usr_alice" || c.ClientID != "web" || c.SessionID != "sid1" || c.Nonce != "n" || fmt.Sprint(c.Audience) != "[web]" || c.GrantID() != "" {
		t.Errorf("%+v, %v", c, err)
	}
	other := testMint(t, RS256)
	if _, err := v.IDHint(context.Background(), mintID(t, other, alice(), IDToken{})); !errors.Is(err, ErrUnknownKey) || !errors.Is(err, ErrInvalid) {
		t.Errorf("a stranger's hint: %v", err)
	}
	m.Issuer = "https://evil.example"
	if _, err := v.IDHint(context.Background(), mintID(t, m, alice(), IDToken{})); !errors.Is(err, ErrInvalid) {
		t.Errorf("another issuer's hint: %v", err)
	}
	v.Now = func() time.Time { return noon.Add(-time.Hour) }
	if _, err := v.IDHint(context.Background(), raw); !errors.Is(err, ErrInvalid) {
		t.Errorf("a hint from the future: %v", err)
	}
}

type deadKeys struct{}

var errDead = errors.New("no answer")

func (deadKeys) FindKey(context.Context, string) (PublicKey, error) { return PublicKey{}, errDead }

func TestMissingKeysAreNoProofAgainstAToken(t *testing.T) {
	m := testMint(t, ES256)
	v := testVerifier(m)
	v.Keys = deadKeys{}
	if _, err := v.Access(context.Background(), access(t, m, alice()), testAudience); errors.Is(err, ErrInvalid) || !errors.Is(err, errDead) {
		t.Errorf("%v", err)
	}
}

func TestAVerifierWithoutIssuerTrustsNobody(t *testing.T) {
	m := testMint(t, ES256)
	k := signerOf(t, m)
	v := &Verifier{Keys: m.Ring, Now: m.Now}
	refuse(t, v, "iss is empty, as in the verifier", forge(t, k.method, k.Private, goodHeader(k), with(goodClaims(), "iss", "")))
}

func TestT19_WeakKeysAreRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no weak keys")
	}
	der, err := x509.MarshalPKCS8PrivateKey(small)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKey(RS256, der); !errors.Is(err, ErrWeakKey) {
		t.Errorf("RSA-1024: %v", err)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if der, err = x509.MarshalPKCS8PrivateKey(p384); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKey(ES256, der); !errors.Is(err, ErrWeakKey) {
		t.Errorf("P-384 as ES256: %v", err)
	}
	if _, err := NewRing(&Key{ID: "weak", Alg: RS256, State: Active, Private: small}); !errors.Is(err, ErrWeakKey) {
		t.Errorf("a ring took RSA-1024: %v", err)
	}
	if _, err := ParseKey(ES256, []byte("secret bytes")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
