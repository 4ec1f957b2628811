package persona

// Forgery is a way in which the signature of an ID token lies. A relying party
// refuses every one of them; see Forgeries.
type Forgery string

// The forgeries.
const (
	Honest              Forgery = ""
	ForgeNone           Forgery = "alg none, no signature"
	ForgeNoneCase       Forgery = "alg nOnE, no signature"
	ForgeStripped       Forgery = "honest header, no signature"
	ForgeTampered       Forgery = "one bit of the payload changed after signing"
	ForgeWrongKey       Forgery = "unpublished key under the published key id"
	ForgeUnknownKid     Forgery = "unpublished key under an unknown key id"
	ForgeRandomKid      Forgery = "unpublished key under a fresh key id each time"
	ForgeHS256Secret    Forgery = "HS256 keyed with the client secret"
	ForgeHS256PublicKey Forgery = "HS256 keyed with the public key"
	ForgeEmbeddedJWK    Forgery = "key brought along in the jwk header"
	ForgeJKU            Forgery = "keys to be fetched from a jku header"
	ForgeX5U            Forgery = "certificate to be fetched from an x5u header"
	ForgeX5C            Forgery = "certificate brought along in an x5c header"
	ForgeZeroES256      Forgery = "ES256 with r = s = 0"
	ForgeCritical       Forgery = "unknown critical header"
	ForgeUnencoded      Forgery = "unencoded payload (b64 false)"
	ForgeJSON           Forgery = "JSON serialisation with two signatures"
	ForgePadded         Forgery = "base64 with padding"
	ForgeAccessToken    Forgery = "typ at+jwt"
	ForgeLogoutToken    Forgery = "typ logout+jwt"
	ForgeGarbage        Forgery = "no JWT at all"
)
