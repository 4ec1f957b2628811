package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"os/exec"
)

// The broker lives in a root that cannot be written to and holds nothing but itself, as nobody, without one capability: what
// `docker run --read-only --cap-drop ALL --tmpfs /data` gives it.
func TestO12_TheBrokerNeedsNoShellNoCapabilityAndNothingToWriteBesideItsData(t *testing.T) {
	root, port := t.TempDir(), freePorts(t, 1)[0]
	openWay(t, root)
	for _, dir := range []string{"data", "etc/handstamp", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, filepath.Join(buildAsDockerfile(t), "handstamp"), filepath.Join(root, "handstamp"), 0o755)
	write(t, filepath.Join(root, "etc/handstamp/handstamp.yaml"), fmt.Sprintf(`
issuer: http://127.0.0.1:%d
listen: 127.0.0.1:%[1]d
admin: {listen: off}
storage: {url: "sqlite:/data/handstamp.db"}
providers:
  - {slug: google, kind: google, client_id: x, client_secret: "${SECRET}"}
clients:
  - {id: nightly, secrets: ["${SECRET}"], machine_scopes: ["items:read"]}
resources:
  - id: https://items.example
    scopes: [{name: "items:read", description: Read}]
`, port))
	secret := newSecret()
	box := `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t tmpfs -o mode=0777 data "$0/data" && exec setpriv --no-new-privs "$@"`
	argv := []string{need(t, "unshare"), "--mount", "sh", "-c", box, root, "--clear-groups", need(t, "unshare"), "--root=" + root, "--wd=/data", "--setgid=65532", "--setuid=65532", "/handstamp", "serve", "-c", "/etc/handstamp/handstamp.yaml"}
	if os.Getuid() != 0 { // a user namespace lends us the mounts, and knows no other account
		argv = slices.Insert(slices.DeleteFunc(argv, func(a string) bool { return strings.HasPrefix(a, "--set") || a == "--clear-groups" }), 1, "--map-root-user")
	}
	broker := start(t, t.TempDir(), []string{"SECRET=" + secret}, argv...)
	broker.name = "handstamp"
	issuer := fmt.Sprintf("http://127.0.0.1:%d", port)
	broker.answers(t, http.DefaultClient, issuer+"/readyz")

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", broker.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`Uid:\s+65532\s+65532`, `NoNewPrivs:\s+1`, `CapPrm:\s+0+$`, `CapEff:\s+0+$`, `CapAmb:\s+0+$`}
	if os.Getuid() != 0 {
		want = want[1:2]
	}
	for _, line := range want {
		if !regexp.MustCompile(`(?m)^` + line).Match(status) {
			t.Errorf("the process is not as it was to be (%s):\n%s", line, status)
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", broker.cmd.Process.Pid))
	if err != nil || !regexp.MustCompile(`(?m)^\S+ / \S+ ro[, ]`).Match(mounts) {
		t.Errorf("its root can be written to: %v\n%s", err, mounts)
	}

	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"items:read"}}
	req, err := http.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("nightly", secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Errorf("no token: %s %s", res.Status, body)
	}
	login, err := http.Get(issuer + "/authorize?client_id=nightly&response_type=code")
	if err != nil {
		t.Fatal(err)
	}
	defer login.Body.Close()
	if page, _ := io.ReadAll(login.Body); login.StatusCode != http.StatusBadRequest || !strings.Contains(string(page), "<html") {
		t.Errorf("no page: %s %s", login.Status, page)
	}
}

// Each service gives away what an engine can take: the database keeps the five capabilities with which its image becomes its own account.
func TestO12_EveryComposeServiceIsShutIn(t *testing.T) {
	project, err := compose(t, secrets(t))
	if err != nil {
		t.Fatal(err)
	}
	keeps := map[string]string{"db": "[CHOWN DAC_OVERRIDE FOWNER SETGID SETUID]"}
	for name, service := range project.Services {
		adds := slices.Sorted(slices.Values(service.CapAdd))
		if want, ok := keeps[name]; !ok && len(adds) > 0 || ok && fmt.Sprint(adds) != want {
			t.Errorf("%s adds %v", name, adds)
		}
		if !service.ReadOnly || fmt.Sprint(service.CapDrop) != "[ALL]" || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.Privileged || service.NetworkMode == "host" || service.Pid != "" {
			t.Errorf("%s is not shut in: read-only %v, drops %v, %v", name, service.ReadOnly, service.CapDrop, service.SecurityOpt)
		}
		for _, v := range service.Volumes {
			if v.Type == "bind" && !v.ReadOnly {
				t.Errorf("%s may write to %s of the host", name, v.Source)
			}
		}
	}
}

// The service file is one that systemd understands and calls well shut in: its scale goes from 0 to 10, and 2 is what it likes.
func TestO12_TheServiceFileShutsTheBrokerIn(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	part(t, "systemd", version(t, analyze, "--version"))
	text, err := os.ReadFile("../configs/handstamp.service")
	if err != nil {
		t.Fatal(err)
	}
	judge := func(text string) (string, error) {
		unit := filepath.Join(t.TempDir(), "handstamp.service")
		write(t, unit, strings.ReplaceAll(text, "/usr/local/bin/handstamp", "/bin/true")) // it wants the program to be there
		said, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
		if err == nil && len(said) > 0 {
			err = fmt.Errorf("verify is not content")
		}
		if err == nil {
			said, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput()
		}
		return string(said), err
	}
	if said, err := judge(string(text)); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if _, err := judge(strings.ReplaceAll(string(text), "SystemCallFilter", "#SystemCallFilter")); err == nil {
		t.Error("it would not see a service file without a filter of system calls")
	}
	if _, err := judge(strings.Replace(string(text), "ProtectHome=yes", "ProtectHoem=yes", 1)); err == nil {
		t.Error("it would not see a misspelled setting")
	}
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
