package admin_test

import (
	"net/http"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

// Whoever may only look cannot try secrets: the plan would say "no change" to the right one.
func TestA04_APlanIsNoOracleForSecrets(t *testing.T) {
	k := newKit(t)
	edit := func(secret string) string {
		in := k.settings("/providers/corp", k.robot())
		in["client_secret"] = secret
		return asJSON(map[string]any{"edits": []any{map[string]any{"op": "put", "kind": "provider", "id": "corp", "provider": in}}})
	}
	viewer := k.admin(storage.RoleViewer)
	for _, guess := range []string{providerCanary, "a wrong guess of a secret"} {
		must(t, k.do("POST", "/plans", viewer, edit(guess)), http.StatusForbidden)
		must(t, k.do("POST", "/plans", k.admin(storage.RoleEditor), edit(guess)), http.StatusOK)
	}
	kept, _ := k.settings("/providers/corp", k.robot())["client_secret"].(string)
	must(t, k.do("POST", "/plans", viewer, edit(kept)), http.StatusOK)
}
