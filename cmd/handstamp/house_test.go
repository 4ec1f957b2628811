package main

import (
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/handstamp/handstamp"

// floors says on which floor a package stands. A package imports only lower ones;
// beside names the few neighbours on its own floor that it may use.
var floors = map[string]struct {
	floor  int
	beside []string
}{
	"tokens":                 {floor: 0},
	"providers":              {floor: 0, beside: []string{"providers/password"}},
	"providers/password":     {floor: 0},
	"broker/oauth":           {floor: 0},
	"broker/door":            {floor: 0},
	"broker/brokertest":      {floor: 0},
	"apidocs":                {floor: 0},
	"storage":                {floor: 1},
	"guard":                  {floor: 1},
	"broker/mapping":         {floor: 1},
	"broker/directory":       {floor: 1, beside: []string{"broker/mapping"}},
	"providers/persona":      {floor: 1},
	"providers/providertest": {floor: 1, beside: []string{"providers/persona"}},
	"broker/grant":           {floor: 2},
	"broker/policy":          {floor: 2},
	"broker/revision":        {floor: 2, beside: []string{"broker/policy"}},
	"broker/session":         {floor: 2},
	"broker/page":            {floor: 2},
	"guard/ginguard":         {floor: 2},
	"guard/guardtest":        {floor: 2},
	"storage/storagetest":    {floor: 2},
	"admin/api":              {floor: 2, beside: []string{"broker/policy"}},
	"admin/snippets":         {floor: 0},
	"broker":                 {floor: 3},
	"admin":                  {floor: 3},
	"admin/console":          {floor: 3},
	"configs":                {floor: 4},
	"examples":               {floor: 5},
	"examples/app":           {floor: 4},
	"examples/api":           {floor: 4},
	"examples/shelf":         {floor: 3},
	"examples/bff":           {floor: 4},
	"examples/spa":           {floor: 4},
	"examples/app/cmd":       {floor: 5},
	"examples/api/cmd":       {floor: 5},
	"examples/bff/cmd":       {floor: 5},
	"examples/spa/cmd":       {floor: 5},
	"cmd/handstamp":          {floor: 5},

	"broker/directory/directorytest": {floor: 2},
}

// upward lists what is wrong with one package's imports.
func upward(pkg string, imports []string) (wrong []string) {
	me, known := floors[pkg]
	if !known {
		return []string{pkg + " stands on no floor: name it in house_test.go"}
	}
	for _, path := range imports {
		other, ours := strings.CutPrefix(path, module+"/")
		if !ours {
			continue
		}
		it, known := floors[other]
		switch {
		case !known:
			wrong = append(wrong, pkg+" imports "+other+", which stands on no floor")
		case it.floor < me.floor, slices.Contains(me.beside, other):
		default:
			wrong = append(wrong, pkg+" imports "+other+", which is not below it")
		}
		if other == "configs" && pkg != "cmd/handstamp" {
			wrong = append(wrong, pkg+" imports configs: only the roof may")
		}
	}
	return wrong
}

func TestEveryPackageImportsOnlyLowerFloors(t *testing.T) {
	root := "../.."
	seen := 0
	err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); dir != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && dir != root {
			return filepath.SkipDir // another module
		}
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			return nil // no Go here
		}
		pkg, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		seen++
		for _, w := range upward(filepath.ToSlash(pkg), p.Imports) {
			t.Error(w)
		}
		return nil
	})
	if err != nil || seen < 15 {
		t.Fatalf("saw %d packages, %v", seen, err)
	}
}

func TestTheFloorsTestSeesAPlantedImport(t *testing.T) {
	for _, row := range []struct {
		why, pkg string
		imports  []string
	}{
		{"upward", "tokens", []string{module + "/storage"}},
		{"sideways", "storage", []string{module + "/guard"}},
		{"configs from below the roof", "broker", []string{module + "/configs"}},
		{"an unknown package", "utils", nil},
		{"importing an unknown package", "broker", []string{module + "/utils"}},
	} {
		if len(upward(row.pkg, row.imports)) == 0 {
			t.Errorf("%s: %s importing %v was not noticed", row.why, row.pkg, row.imports)
		}
	}
	if w := upward("broker", []string{module + "/storage", "net/http"}); len(w) != 0 {
		t.Errorf("a lawful import was refused: %v", w)
	}
}

// A file that is read at one sitting tells one story; a longer one tells two.
func TestNoGoFileIsLongerThanFourHundredLines(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		if n := strings.Count(string(text), "\n"); n > 400 {
			t.Errorf("%s has %d lines: split it by its stories", path, n)
		}
		return nil
	})
	if err != nil || seen < 300 {
		t.Fatalf("saw %d files, %v", seen, err)
	}
}

// A program that only checks stamps must stay light.
func TestTheGuardLinksNoGinNoSQLNoOIDC(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"/guard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"gin-gonic", "database/sql", "go-oidc", "modernc.org", "jackc", "cel-go"} {
		if strings.Contains(string(out), heavy) {
			t.Errorf("guard links %s", heavy)
		}
	}
	if !strings.Contains(string(out), module+"/tokens") {
		t.Error("go list did not list guard's own dependencies")
	}
}
