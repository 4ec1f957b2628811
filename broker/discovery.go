package broker

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/grant"
	"github.com/handstamp/handstamp/tokens"
)

// document is a public document as ready bytes.
type document struct {
	body []byte
	etag string
}

// metadata is the provider's self-description (OpenID Connect Discovery §3, RFC
// 8414 §2, RFC 9207 §3). Only registered names: clients warn about others.
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	Challenges            []string `json:"code_challenge_methods_supported"`
	Claims                []string `json:"claims_supported"`
	Prompts               []string `json:"prompt_values_supported"`
	ACRValues             []string `json:"acr_values_supported,omitempty"`
	ClaimTypes            []string `json:"claim_types_supported"`
	UILocales             []string `json:"ui_locales_supported"`
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"`
	IssParameter          bool     `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout     bool     `json:"backchannel_logout_supported"`
	BackchannelSession    bool     `json:"backchannel_logout_session_supported"`
}

func (b *Broker) describe(d *Directory) (*document, error) {
	auth, signing := grant.AuthMethods(), tokens.AssertionAlgs()
	m := metadata{Issuer: b.name, AuthorizationEndpoint: b.path("/authorize"), TokenEndpoint: b.path("/token"), UserinfoEndpoint: b.path("/userinfo"),
		JWKSURI: b.path("/jwks"), RevocationEndpoint: b.path("/revoke"), IntrospectionEndpoint: b.path("/introspect"), EndSessionEndpoint: b.path("/logout"), ScopesSupported: d.ScopesSupported(),
		ResponseTypes: []string{"code"}, ResponseModes: []string{"query", "form_post"}, GrantTypes: grant.Types(d.Snapshot), SubjectTypes: []string{"public"},
		TokenAuth: auth, RevocationAuth: auth, IntrospectionAuth: slices.DeleteFunc(slices.Clone(auth), func(m string) bool { return m == "none" }),
		TokenAuthAlgs: signing, RevocationAuthAlgs: signing, IntrospectionAuthAlgs: signing, Challenges: []string{"S256"}, Prompts: []string{"none", "login", "consent", "select_account"}, IssParameter: true, BackchannelLogout: true, BackchannelSession: true,
		ACRValues: d.ACRSupported(), ClaimsParameter: true, ClaimTypes: []string{"normal"}, UILocales: b.pages.Languages(),
		Claims: append([]string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash"}, d.ClaimsSupported()...)}
	for _, alg := range b.ring.Algs() {
		m.IDTokenAlgs = append(m.IDTokenAlgs, string(alg))
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return newDocument(body), nil
}

func newDocument(body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func (b *Broker) discovery(c *gin.Context) {
	doc := b.meta.Load()
	serve(c, doc.body, doc.etag)
}

func (b *Broker) jwks(c *gin.Context) {
	body, etag := b.ring.JWKS()
	serve(c, body, etag)
}

// serve answers with ready bytes that every origin may read and cache for five minutes.
func serve(c *gin.Context, body []byte, etag string) {
	h := c.Writer.Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Cache-Control"] = fiveMinutes
	h["Etag"] = []string{etag}
	h["X-Content-Type-Options"] = noSniff
	if match := c.GetHeader("If-None-Match"); match != "" && strings.Contains(match, etag) {
		empty(c, http.StatusNotModified)
		return
	}
	h["Content-Type"] = isJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(body) // a reader that went away is not our fault
}

// Header values that never change, made once: these two documents are the hottest doors.
var (
	anyOrigin   = []string{"*"}
	fiveMinutes = []string{"public, max-age=300"}
	noSniff     = []string{"nosniff"}
	isJSON      = []string{"application/json"}
)
