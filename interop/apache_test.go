package interop

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// apache puts mod_auth_openidc in front of a page, as the broker's client of that name. It is a certified client that administrators
// put in front of pages which know nothing of logins.
func apache(t *testing.T, b *broker) {
	t.Helper()
	program, modules := need(t, "apache2"), "/usr/lib/apache2/modules"
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_openidc.so")); err != nil {
		t.Fatalf("libapache2-mod-auth-openidc is not installed; `make test` installs it on Debian: %v", err)
	}
	part(t, "mod_auth_openidc", debianVersion(t, "libapache2-mod-auth-openidc"))

	dir := t.TempDir()
	write(t, filepath.Join(dir, "www/index.html"), `public`)
	write(t, filepath.Join(dir, "www/protected/index.html"), `hello <!--#echo var="REMOTE_USER" -->, <!--#echo var="OIDC_CLAIM_name" -->`)
	write(t, filepath.Join(dir, "www/protected/managers/index.html"), `for managers`)
	if err := os.Mkdir(filepath.Join(dir, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	argv := []string{program, "-f", abs(t, "testdata/httpd.conf"), "-DFOREGROUND"}
	if os.Getuid() == 0 { // Apache's workers run as somebody else, who must be able to read and to keep sessions
		argv = append(argv, "-C", "User www-data", "-C", "Group www-data")
		openTo(t, dir, "www-data")
	}
	port := strings.TrimPrefix(b.app, "http://localhost:")
	httpd := start(t, dir, []string{"DIR=" + dir, "PORT=" + port, "MODULES=" + modules, "ISSUER=" + b.issuer, "SECRET=" + b.secret}, argv...)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("Apache's error log:\n%s", log)
		}
	})
	httpd.answers(t, http.DefaultClient, b.app+"/")
}

// It is somebody else's app to the broker, so a person is asked first whether it may know who they are.
func TestModAuthOpenIDCProtectsAPage(t *testing.T) {
	b := brokerWithOkta(t)
	apache(t, b)
	me := newBrowser(t)
	wiki := me.open(t, b.app+"/protected/").signIn(t, "Alice Acme")
	if wiki.status != http.StatusOK || !strings.Contains(wiki.body, "hello alice@acme.example, Alice Acme") {
		t.Fatalf("the protected page answered %d at %s:\n%s", wiki.status, wiki.url, wiki.body)
	}
	if managers := me.open(t, b.app+"/protected/managers/"); managers.status != http.StatusUnauthorized && managers.status != http.StatusForbidden {
		t.Errorf("a page for a group that Alice is not in answered %d", managers.status)
	}

	// Signing out there signs out here: mod_auth_openidc sends the person to our end_session_endpoint with the ID token.
	end := me.open(t, b.app+"/protected/redirect_uri?logout="+strings.ReplaceAll(b.app+"/bye", ":", "%3A"))
	if next := end.find(byID("sign-out")); next != nil {
		end = end.click(t, next)
	} else if next := end.find(clickable("Yes")); next != nil {
		end = end.click(t, next)
	}
	if got := end.url.String(); !strings.HasPrefix(got, b.app+"/bye") {
		t.Errorf("signing out ended at %s with %d, want %s/bye", got, end.status, b.app)
	}
	if again := me.open(t, b.app+"/protected/"); strings.Contains(again.body, "hello") {
		t.Error("after signing out the page is still open")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// openTo gives a folder, and the way to it, to another account of this machine.
func openTo(t *testing.T, dir, account string) {
	t.Helper()
	who, err := user.Lookup(account)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(filepath.Join(dir, "cache"), uid, gid); err != nil {
		t.Fatal(err)
	}
	openWay(t, dir)
}

func abs(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// debianVersion is the version of an installed Debian package, or a word that says where else it came from.
func debianVersion(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return fmt.Sprintf("(not from Debian: %v)", err)
	}
	return string(out)
}
