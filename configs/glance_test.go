package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAGlanceNeedsNoSecretsAtHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.yaml")
	text := strings.Replace(sourced, "%s", `"${NOT_SET_ANYWHERE_1}"`, 1) + "sealing_keys: [\"${NOT_SET_ANYWHERE_2}\"]\nstorage: {url: \"sqlite:book.db\"}\n"
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "X_SECRET", "NOT_SET_ANYWHERE_3")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Glance(path)
	if err != nil || c.AdminSocket() != filepath.Join(filepath.Dir(path), "book.db.sock") {
		t.Errorf("%v", err)
	}
	if _, err := Load(path); err == nil {
		t.Error("serving goes on without its secrets")
	}
	if _, err := Glance(path + ".not"); err == nil {
		t.Error("a file that is not there")
	}
}
