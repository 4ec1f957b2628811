package interop

import (
	"bufio"
	"context"
	"crypto/rand"
	"debug/elf"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"golang.org/x/net/html"
)

// There is no container engine where these tests run. So nothing here builds an image: the compose file is read by the library that
// docker compose reads it with, and every service's command runs as a plain process, as the account of the image, from the binaries
// that the Dockerfile's own build lines make. What stays untried is the pulling of the two base images and the engine itself.

// compose reads docker-compose.yml as `docker compose config` would.
func compose(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	part(t, "compose-go", moduleVersion(t, "github.com/compose-spec/compose-go/v2"))
	pairs := []string{}
	for k, v := range env {
		pairs = append(pairs, k+"="+v)
	}
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithEnv(pairs), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(context.Background())
}

func secrets(t *testing.T) map[string]string {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	return map[string]string{
		"POSTGRES_PASSWORD": newSecret(), "HANDSTAMP_SEALING_KEY": base64.StdEncoding.EncodeToString(key),
		"GOOGLE_CLIENT_ID": "broker", "GOOGLE_CLIENT_SECRET": newSecret(), "APP_SECRET": newSecret(),
	}
}

func TestTheComposeFileIsValidAndHoldsNoSecret(t *testing.T) {
	all := secrets(t)
	project, err := compose(t, all)
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	if got := slices.Sorted(maps.Keys(project.Services)); fmt.Sprint(got) != "[api app broker db]" {
		t.Errorf("services: %v", got)
	}
	for name := range all {
		rest := maps.Clone(all)
		delete(rest, name)
		if _, err := compose(t, rest); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s compose must refuse to start, naming it; it says: %v", name, err)
		}
	}
	targets := dockerfile(t)
	for name, service := range project.Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s on %q: an http issuer is for loopback", name, port.Published, port.HostIP)
			}
		}
		if service.Build == nil {
			continue
		}
		target, ok := targets[service.Build.Target]
		if !ok {
			t.Errorf("%s is built from target %q, which the Dockerfile does not have", name, service.Build.Target)
			continue
		}
		if target.from != "scratch" || target.user != "65532:65532" {
			t.Errorf("%s runs on %s as %q", name, target.from, target.user)
		}
		if !service.ReadOnly || fmt.Sprint(service.CapDrop) != "[ALL]" {
			t.Errorf("%s may write to its image or keeps capabilities", name)
		}
	}
}

// Each service runs as its command says, from the binary that the Dockerfile builds, and a person signs in through all of them.
func TestEachComposeServiceRunsAsAProcess(t *testing.T) {
	npm(t, "oidc-provider")
	env := secrets(t)
	project, err := compose(t, env)
	if err != nil {
		t.Fatal(err)
	}
	binaries := buildAsDockerfile(t)
	p := newPlan(t)
	ports := freePorts(t, 2)
	where := strings.NewReplacer( // the same service, at ports and paths of this test
		"http://localhost:8080", p.issuer, "http://localhost:8081", p.app, "http://localhost:8082", fmt.Sprintf("http://localhost:%d", ports[0]),
		"0.0.0.0:8080", fmt.Sprintf("127.0.0.1:%d", p.brokerPort), "0.0.0.0:8081", fmt.Sprintf("127.0.0.1:%d", p.appPort),
		"0.0.0.0:8082", fmt.Sprintf("127.0.0.1:%d", ports[0]), "@db:5432/", fmt.Sprintf("@127.0.0.1:%d/", ports[1]),
		"https://accounts.google.com", fmt.Sprintf("http://localhost:%d", p.upstreamPort))
	p.upstreamSecret = env["GOOGLE_CLIENT_SECRET"]
	p.upstream("google", "upstream.mjs", map[string]any{"personality": "google"})

	db := project.Services["db"].Environment
	postgres(t, ports[1], *db["POSTGRES_USER"], *db["POSTGRES_PASSWORD"], *db["POSTGRES_DB"])

	// The settings that are mounted, and one line for the test: its Google is on this machine, which is refused otherwise.
	settings, err := os.ReadFile("../configs/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "handstamp.yaml")
	write(t, config, string(settings)+"\noutgoing: {allow_loopback: true}\n")
	openWay(t, dir)

	targets := dockerfile(t)
	run := func(name string) *process {
		service := project.Services[name]
		argv := slices.Concat(targets[service.Build.Target].entrypoint, service.Command)
		for i := range argv {
			argv[i] = strings.ReplaceAll(argv[i], "/etc/handstamp/handstamp.yaml", config)
		}
		argv[0] = filepath.Join(binaries, argv[0])
		vars := []string{}
		for k, v := range service.Environment {
			vars = append(vars, k+"="+where.Replace(*v))
		}
		return startAs(t, 65532, dir, vars, argv...)
	}
	broker := run("broker")
	broker.answers(t, http.DefaultClient, p.issuer+"/readyz")
	run("api")
	run("app").answers(t, http.DefaultClient, p.app+"/")

	home := newBrowser(t).open(t, p.app+"/")
	signedIn := home.click(t, home.find(clickable("Google"))).signIn(t, "Alice Acme")
	if signedIn.status != http.StatusOK || !strings.HasPrefix(signedIn.url.String(), p.app) || !strings.Contains(signedIn.body, "alice@acme.example") {
		t.Fatalf("after the login the app shows %d at %s:\n%s", signedIn.status, signedIn.url, signedIn.body)
	}
	answer := signedIn.click(t, signedIn.find(func(n *html.Node) bool {
		return n.Data == "button" && strings.Contains(strings.ToLower(text(n)), "read")
	}))
	if !strings.Contains(answer.body, "200") {
		t.Errorf("reading through the API answered:\n%s", answer.body)
	}
}

// A target is a stage of the Dockerfile.
type target struct {
	from, user      string
	entrypoint, cmd []string
	copies          []string // what it takes from the build stage
}

// dockerfile reads the stages; the file is written so that each instruction is one line.
func dockerfile(t *testing.T) map[string]*target {
	t.Helper()
	targets := map[string]*target{}
	var now *target
	for _, line := range instructions(t) {
		word, rest, _ := strings.Cut(line, " ")
		f := strings.Fields(rest)
		switch word {
		case "FROM":
			now = &target{from: f[0]}
			targets[f[2]] = now
		case "USER":
			now.user = rest
		case "ENTRYPOINT", "CMD":
			var argv []string
			if err := json.Unmarshal([]byte(rest), &argv); err != nil {
				t.Fatalf("%s: %v: only the JSON form works in an image without a shell", line, err)
			}
			if word == "CMD" {
				now.cmd = argv
			} else {
				now.entrypoint = argv
			}
		case "COPY":
			if f[0] == "--from=build" {
				now.copies = append(now.copies, f[len(f)-2])
			}
		}
	}
	return targets
}

func instructions(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// buildAsDockerfile runs the build lines of the Dockerfile and returns the folder that holds what they made; it stands for the image.
func buildAsDockerfile(t *testing.T) string {
	t.Helper()
	out, tree := t.TempDir(), t.TempDir()
	openWay(t, out)
	ignored := ignoredByDocker(t)
	copyTree(t, tree, func(name string) bool { return !ignored(name) })
	for _, line := range instructions(t) {
		command, ok := strings.CutPrefix(line, "RUN CGO_ENABLED=0 go build ")
		if !ok {
			continue
		}
		cmd := exec.Command("sh", "-c", "CGO_ENABLED=0 go build "+strings.ReplaceAll(command, "/out/", out+"/"))
		cmd.Dir = tree
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, said)
		}
	}
	made, err := os.ReadDir(out)
	if err != nil || len(made) == 0 {
		t.Fatalf("the Dockerfile builds nothing (%v)", err)
	}
	for _, entry := range made {
		file, err := elf.Open(filepath.Join(out, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, prog := range file.Progs {
			if prog.Type == elf.PT_INTERP {
				t.Errorf("%s is not static: an image from scratch has no loader", entry.Name())
			}
		}
		file.Close()
	}
	if info, err := os.Stat(filepath.Join(out, "handstamp")); err != nil || info.Size() > 45<<20 {
		t.Errorf("the broker's binary is to stay under 45 MiB: %v, %v", info, err)
	}
	return out
}

// ignoredByDocker tells which files never reach the builder, by the library that it asks itself.
func ignoredByDocker(t *testing.T) func(name string) bool {
	t.Helper()
	f, err := os.Open("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool {
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		return ignored
	}
}

// startAs is start under another account, where the test may choose one.
func startAs(t *testing.T, uid uint32, dir string, env []string, argv ...string) *process {
	t.Helper()
	name := filepath.Base(argv[0])
	if os.Getuid() == 0 {
		argv = append([]string{need(t, "setpriv"), "--reuid", fmt.Sprint(uid), "--regid", fmt.Sprint(uid), "--clear-groups", "--no-new-privs"}, argv...)
	}
	p := start(t, dir, env, argv...)
	p.name = name
	return p
}

// postgres starts a server of Debian's for one test, with the user and the database that the image would make.
func postgres(t *testing.T, port int, name, password, database string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("postgresql is not installed; `make test` installs it on Debian")
	}
	bin := found[len(found)-1]
	part(t, "postgresql", version(t, bin+"/postgres", "--version"))
	dir := t.TempDir()
	openWay(t, dir)
	data := filepath.Join(dir, "data")
	uid := uint32(os.Getuid())
	if uid == 0 { // it does not run as root
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.ParseUint(nobody.Uid, 10, 32)
		uid = uint32(n)
		if err := os.Chown(dir, int(uid), int(uid)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "password"), password)
	begin := func(argv ...string) *process {
		return startAs(t, uid, dir, []string{"PGPASSWORD=" + password}, argv...)
	}
	finish := func(argv ...string) bool { p := begin(argv...); <-p.done; return p.cmd.ProcessState.Success() }
	if !finish(bin+"/initdb", "-D", data, "-U", name, "--pwfile", filepath.Join(dir, "password"), "-A", "scram-sha-256", "-E", "UTF8", "--no-sync") {
		t.Fatal("initdb failed")
	}
	server := begin(bin+"/postgres", "-D", data, "-p", fmt.Sprint(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
	ready := func() bool {
		return exec.Command(bin+"/pg_isready", "-q", "-h", "127.0.0.1", "-p", fmt.Sprint(port)).Run() == nil
	}
	server.until(t, "PostgreSQL takes connections", ready)
	if !finish(bin+"/createdb", "-h", "127.0.0.1", "-p", fmt.Sprint(port), "-U", name, database) {
		t.Fatal("createdb failed")
	}
}

// openWay lets other accounts of this machine pass through the folders of a test.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
