package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// The scanner of the Go project; its database comes as a module too, so that whoever can get modules can scan.
const (
	govulncheck = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	vulndb      = "golang.org/x/vulndb"
	knownVulndb = "v0.0.0-20261105234957-e22db6528018" // where a proxy does not tell the latest version
)

// knownHoles wants no hole that is publicly known to be reachable from our code: not in a module, and not in the standard library of the
// Go that go.mod names, which is what ships (O10 of docs/attacks.md). It takes the newest database there is, so it may
// turn red without a change of ours: that is its purpose.
func knownHoles(h *house) []result {
	toolchain, err := shipsWith(h.root)
	if err != nil {
		return one("no known holes", "", err)
	}
	dir, err := os.MkdirTemp("", "holes")
	if err != nil {
		return one("no known holes", toolchain, err)
	}
	defer os.RemoveAll(dir)
	db, day, err := newestDatabase(dir)
	if err == nil {
		err = scan(h.root, db, toolchain)
	}
	return one("no known holes", fmt.Sprintf("govulncheck, %s, database of %s", toolchain, day), err)
}

// scan looks through all packages of a module.
func scan(root, db, toolchain string) error {
	cmd := exec.Command("go", "run", govulncheck, "-db", "file://"+db, "./...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stdout
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain)
	return cmd.Run()
}

// newestDatabase puts it below dir, in the form that the scanner reads, and tells of which day it is.
func newestDatabase(dir string) (path, day string, err error) {
	var db struct{ Version, Dir, Error string }
	for _, version := range []string{"latest", knownVulndb} {
		db.Error = ""
		said, failed := goOutside(dir, "mod", "download", "-json", vulndb+"@"+version)
		if err = failed; len(said) > 0 {
			err = json.Unmarshal(said, &db)
		}
		if err == nil && db.Error == "" {
			break
		}
		fmt.Printf("%s@%s: %v %s\n", vulndb, version, err, db.Error)
		err = fmt.Errorf("the database of vulnerabilities cannot be had")
	}
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "db")
	_, err = goOutside(dir, "run", vulndb+"/cmd/indexdb@"+db.Version, "-vulns", filepath.Join(db.Dir, "data", "osv"), "-out", path)
	return path, dayOf(db.Version), err
}

// shipsWith is the Go that go.mod names.
func shipsWith(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	if found := regexp.MustCompile(`(?m)^toolchain (go\S+)$`).FindSubmatch(text); found != nil {
		return string(found[1]), nil
	}
	return "", fmt.Errorf("go.mod names no toolchain")
}

// goOutside runs the go command where no module is, and returns what it prints.
func goOutside(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stdout
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("go %s: %w", strings.Join(args[:2], " "), err)
	}
	return out, err
}

// dayOf reads the day of a pseudo-version.
func dayOf(version string) string {
	if found := regexp.MustCompile(`-(?:0\.)?(\d{4})(\d\d)(\d\d)\d{6}-`).FindStringSubmatch(version); found != nil {
		return strings.Join(found[1:], "-")
	}
	return version
}
