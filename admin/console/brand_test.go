package console_test

import (
	"testing"
)

func TestTheLookOfTheHouseIsChangedInTheConsoleAndSeenAtTheDoor(t *testing.T) {
	w := newTown(t)
	w.erin.page("/brand").has(t, "as in the settings", "/account")
	typed := func(accent, do string) []string {
		return []string{"name", "Acme sign-in", "accent", accent, "logo", "", "policy_uri", "https://www.acme.example/privacy", "tos_uri", "", "_etag", `"1"`, "_reason", "our colours", "_do", do}
	}
	if a := w.erin.post("/brand/edit", typed("green", "plan")...); a.StatusCode != 422 {
		t.Errorf("a colour that is none: %s", a.Status)
	} else {
		a.has(t, "is not a colour", "Acme sign-in")
	}
	w.erin.post("/brand/edit", typed("#1a7f5a", "plan")...).has(t, "What it would do", "Acme sign-in", "#1a7f5a")
	w.erin.done("/brand/edit", typed("#1a7f5a", "apply")...).has(t, "Saved.", "Acme sign-in")
	w.erin.page("/revisions/2").has(t, "our colours", "Acme sign-in")
	door := w.browser()
	for to := w.issuer + "/account"; ; {
		a := door.get(to)
		next, err := a.Location()
		if err == nil {
			to = next.String()
			continue
		}
		a.has(t, "<title>Sign in", "Acme sign-in", `href="https://www.acme.example/privacy"`)
		break
	}
}
