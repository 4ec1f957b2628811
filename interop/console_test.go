package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/console.md shows these; HANDSTAMP_CONSOLE_SHOTS=$PWD/../docs/console makes them anew.
var consoleShots = []string{"overview", "login", "providers", "revisions", "phone"}

func TestAnOwnerLooksAtEveryPageOfTheConsole(t *testing.T) {
	npm(t, "axe-core")
	npm(t, "playwright-core")
	part(t, "chromium", version(t, need(t, "chromium", "chromium-browser", "google-chrome"), "--version"))
	shots := filepath.Join(shotsDir(t), "console")
	docs := os.Getenv("HANDSTAMP_CONSOLE_SHOTS")
	if docs == "" {
		docs = filepath.Join(shots, "docs")
	}
	v := dev(t)
	owner := node(t, "console.mjs", map[string]any{"app": v.App, "console": v.Console, "shots": shots, "docs": docs})
	happened, pages := map[string]string{}, map[string]bool{}
	for {
		var said struct {
			look
			Did, Saw   string
			Done       bool
			Complaints []string
		}
		owner.says(t, &said)
		switch {
		case said.Done:
			for _, c := range said.Complaints {
				t.Errorf("the browser's console: %s", c)
			}
			if len(pages) < 40 {
				t.Errorf("only %d pages were looked at: %v", len(pages), pages)
			}
			judgeConsole(t, happened, docs)
			t.Logf("%d pages; screenshots are in %s", len(pages), shots)
			return
		case said.Did != "":
			happened[said.Did] = said.Saw
		case said.Page != "":
			pages[said.Page] = true
			said.judge(t)
		}
	}
}

func judgeConsole(t *testing.T, happened map[string]string, docs string) {
	t.Helper()
	for did, want := range map[string]string{"entered by link": "Owner session by link, until", "looked at every page": "overview", "found by reference": "/logins/:reference",
		"asked what if": "Judged by revision", "works without scripts": " ", "signed out": "Signed out"} {
		if !strings.Contains(happened[did], want) {
			t.Errorf("%s: saw %q, want %q", did, happened[did], want)
		}
	}
	if saw, tried := happened["forgot the reason"]; tried && saw != "problems" {
		t.Errorf("after a form with a problem the focus is on %q", saw)
	}
	for _, name := range consoleShots {
		for _, path := range []string{filepath.Join(docs, name+".png"), filepath.Join("..", "docs", "console", name+".png")} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("the page about the console shows a picture that nobody made: %v", err)
			}
		}
	}
}
