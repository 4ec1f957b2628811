package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A program that calls what was mended long ago, and the same one after the upgrade.
func TestO10_AHoleThatCodeReachesIsSeen(t *testing.T) {
	toolchain, err := shipsWith(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	db, _, err := newestDatabase(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for version, open := range map[string]bool{"v0.3.5": true, "v0.44.0": false} { // GO-2021-0113
		dir := t.TempDir()
		for name, text := range map[string]string{
			"go.mod":  "module example.com/victim\n\ngo 1.26.0\n\nrequire golang.org/x/text " + version + "\n",
			"main.go": "package main\n\nimport \"golang.org/x/text/language\"\n\nfunc main() { _, _ = language.Parse(\"de\") }\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if said, err := goOutside(dir, "mod", "tidy"); err != nil {
			t.Fatalf("%v %s", err, said)
		}
		if err := scan(dir, db, toolchain); (err != nil) != open {
			t.Errorf("x/text %s: %v", version, err)
		}
	}
}
