// Command kube is the part of a Kubernetes API server that decides who sends a request: the OIDC authenticator, as the API server's
// own settings file configures it. It is a program of its own, so that no test has to link it.
//
//	kube '{"issuer":"https://…","ca":"PEM…","audience":"kubectl","tokens":{"good":"…"}}'
//
// Prints {"good":{"user":"…","groups":["…"]}} for a token that it takes, {"…":{"error":"…"}} for one that it refuses.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "kube:", err)
		os.Exit(1)
	}
}

type verdict struct {
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func run(arg string) error {
	var settings struct {
		Issuer, CA, Audience string
		Tokens               map[string]string
	}
	if err := json.Unmarshal([]byte(arg), &settings); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	prefix := "oidc:"
	authenticator, err := oidc.New(ctx, oidc.Options{
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: settings.Issuer, Audiences: []string{settings.Audience}, CertificateAuthority: settings.CA},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: "email", Prefix: &prefix},
				Groups:   apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: &prefix},
			},
		},
		CAContentProvider: pem(settings.CA),
	})
	if err != nil {
		return err
	}
	// It discovers the issuer in its own time, as an API server that starts before its issuer does.
	if err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) { return authenticator.HealthCheck() == nil, nil }); err != nil {
		return fmt.Errorf("the issuer was not found: %w", authenticator.HealthCheck())
	}
	verdicts := map[string]verdict{}
	for name, token := range settings.Tokens {
		answer, ok, err := authenticator.AuthenticateToken(ctx, token)
		switch {
		case err != nil:
			verdicts[name] = verdict{Error: err.Error()}
		case !ok:
			verdicts[name] = verdict{Error: "not mine"}
		default:
			verdicts[name] = verdict{User: answer.User.GetName(), Groups: answer.User.GetGroups()}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

// pem is the one certificate that the API server trusts for its issuer.
type pem string

func (p pem) CurrentCABundleContent() []byte { return []byte(p) }
