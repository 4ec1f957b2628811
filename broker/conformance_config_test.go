package broker_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/storage"
)

// The Config plan, oidcc-config-certification-test-plan: discovery and keys.

// registered are the names of IANA's registry of authorization server metadata that an
// OpenID Provider may use (RFC 8414 §7.1); any other is a warning of the suite.
var registered = strings.Fields(`issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported
	response_modes_supported grant_types_supported token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported service_documentation
	ui_locales_supported op_policy_uri op_tos_uri revocation_endpoint revocation_endpoint_auth_methods_supported
	revocation_endpoint_auth_signing_alg_values_supported introspection_endpoint introspection_endpoint_auth_methods_supported
	introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported signed_metadata device_authorization_endpoint
	tls_client_certificate_bound_access_tokens mtls_endpoint_aliases nfv_token_signing_alg_values_supported userinfo_endpoint acr_values_supported
	subject_types_supported id_token_signing_alg_values_supported id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported
	userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported
	request_object_signing_alg_values_supported request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported
	display_values_supported claim_types_supported claims_supported claims_locales_supported claims_parameter_supported request_parameter_supported
	request_uri_parameter_supported require_request_uri_registration require_signed_request_object pushed_authorization_request_endpoint
	require_pushed_authorization_requests introspection_signing_alg_values_supported authorization_response_iss_parameter_supported check_session_iframe
	frontchannel_logout_supported frontchannel_logout_session_supported backchannel_logout_supported backchannel_logout_session_supported end_session_endpoint
	backchannel_token_delivery_modes_supported backchannel_authentication_endpoint backchannel_authentication_request_signing_alg_values_supported
	backchannel_user_code_parameter_supported authorization_details_types_supported dpop_signing_alg_values_supported prompt_values_supported
	protected_resources authorization_signing_alg_values_supported client_id_metadata_document_supported`)

// servedAt is a broker of the kit's settings under a production issuer.
func servedAt(t *testing.T, issuer string) http.Handler {
	t.Helper()
	k := suiteKit(t)
	k.issuer = issuer
	sealer, err := storage.NewSealer([]byte("an-example-of-a-32-byte-long-key"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := page.New(page.Brand{}, "/assets")
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.New(broker.Options{Issuer: issuer, DB: k.db, Sealer: sealer, Ring: k.ring, Pages: pages, Life: lives, Logger: slog.New(slog.DiscardHandler), Now: k.clock.Now, Docs: &broker.Docs{}}, k.compile(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOIDCC_config_discovery_endpoint_verification(t *testing.T) {
	for _, issuer := range []string{"https://login.example.com", "https://example.com/login", "https://example.com:8443/a/b"} {
		b := servedAt(t, issuer)
		where := issuer + "/.well-known/openid-configuration"
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, where, nil))
		m := (&answer{w.Result(), w.Body.String()}).json(t)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || m["issuer"] != issuer {
			t.Fatalf("%s: %d %s", where, w.Code, w.Body)
		}
		for name, value := range m {
			if !slices.Contains(registered, name) {
				t.Errorf("%s is no registered metadata name", name)
			}
			if address, _ := value.(string); (strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri")) && !strings.HasPrefix(address, issuer+"/") {
				t.Errorf("%s is %v", name, value)
			}
			if list, ok := value.([]any); ok && len(list) == 0 || value == nil || value == "" {
				t.Errorf("%s is there and empty", name)
			}
		}
		for _, must := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint", "revocation_endpoint"} {
			if m[must] == nil {
				t.Errorf("%s is missing", must)
			}
		}
		for name, values := range map[string][]string{
			"response_types_supported": {"code"}, "response_modes_supported": {"query", "form_post"}, "grant_types_supported": {"authorization_code", "refresh_token"},
			"subject_types_supported": {"public"}, "id_token_signing_alg_values_supported": {"RS256"}, "code_challenge_methods_supported": {"S256"},
			"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post"}, "scopes_supported": {"openid", "profile", "email", "offline_access"},
			"claims_supported": {"sub", "iss", "auth_time", "acr", "name", "email", "email_verified"}, "prompt_values_supported": {"none", "login", "consent", "select_account"},
			"acr_values_supported": {classOne}, "claim_types_supported": {"normal"},
		} {
			list, _ := m[name].([]any)
			for _, value := range values {
				if !slices.Contains(list, any(value)) {
					t.Errorf("%s lacks %s: %v", name, value, list)
				}
			}
		}
		for name, want := range map[string]bool{"claims_parameter_supported": true, "request_parameter_supported": false, "request_uri_parameter_supported": false,
			"authorization_response_iss_parameter_supported": true} {
			if m[name] != want {
				t.Errorf("%s is %v", name, m[name])
			}
		}
		twin := httptest.NewRecorder()
		base := strings.SplitN(issuer, "/", 4)
		path := "/.well-known/oauth-authorization-server"
		if len(base) == 4 { // RFC 8414 §3.1: the well-known part comes before the issuer's path
			path += "/" + base[3]
		}
		b.ServeHTTP(twin, httptest.NewRequest(http.MethodGet, strings.Join(base[:3], "/")+path, nil))
		if twin.Body.String() != w.Body.String() {
			t.Errorf("%s: the two well-known documents differ", issuer)
		}
	}
}

func TestOIDCC_config_jwks(t *testing.T) {
	r := suiteKit(t).newRelyingParty("suite-1", "")
	algs := map[any]bool{}
	for _, key := range r.keys() { // checks each key
		algs[key["alg"]] = true
	}
	if !algs["RS256"] {
		t.Error("there is no RS256 key")
	}
}

func TestWhatNoClientMayAskForIsNotInDiscovery(t *testing.T) {
	k := newKit(t)
	m := k.browser().get(k.issuer + "/.well-known/openid-configuration").json(t)
	for _, list := range []string{"scopes_supported", "claims_supported"} {
		for _, value := range m[list].([]any) {
			if s := value.(string); s == "address" || strings.HasPrefix(s, "phone") {
				t.Errorf("%s lists %s, which no client may ask for", list, s)
			}
		}
	}
	if _, there := m["acr_values_supported"]; there {
		t.Error("acr_values_supported, although no provider is known to prove any")
	}
}
