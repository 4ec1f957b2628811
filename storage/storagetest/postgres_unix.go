//go:build unix

package storagetest

import (
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresServer gives the server of this test process, started at the first call.
var postgresServer = sync.OnceValues(func() (string, error) {
	if url := os.Getenv("HANDSTAMP_TEST_POSTGRES"); url != "" {
		return url, nil
	}
	return startPostgres()
})

// guardian runs the server and stops it when its standard input closes, which the
// kernel does when the test process ends, however it ends.
const guardian = `
set -e
trap '' INT
"$1/initdb" -D "$2/data" -U handstamp -A trust -E UTF8 --locale=C --no-sync >"$2/log" 2>&1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200 \
  -c shared_buffers=32MB -c deadlock_timeout=100ms >>"$2/log" 2>&1 &
server=$!
read -r _ || true
kill -INT $server
wait $server || true
rm -rf "$2"
`

func startPostgres() (string, error) {
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "hspg") // short: a socket's path has about a hundred bytes
	if err != nil {
		return "", err
	}
	cmd := exec.Command("/bin/sh", "-c", guardian, "sh", bin, dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests reaches us, not the server
	if os.Geteuid() == 0 {                                // PostgreSQL refuses to run as root
		uid, gid, err := unprivileged()
		if err != nil {
			return "", err
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	leash, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	leashes = append(leashes, leash)
	url := "postgres://handstamp@/postgres?host=" + dir
	if err := untilItAnswers(url, cmd); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		leash.Close()
		return "", fmt.Errorf("postgres did not start: %w\n%s", err, log)
	}
	return url, nil
}

// leashes must not be collected: a finalizer would close them, and the server end.
var leashes []io.Closer

func untilItAnswers(url string, cmd *exec.Cmd) error {
	gone := make(chan struct{})
	go func() { defer close(gone); _ = cmd.Wait() }() // ProcessState says how it ended
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	limit := time.After(time.Minute)
	for {
		if err = db.Ping(); err == nil {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("it ended: %s", cmd.ProcessState)
		case <-limit:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// postgresBin finds the newest of Debian's servers, or the one on PATH.
func postgresBin() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
		return filepath.Dir(newest), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("%w: no initdb in /usr/lib/postgresql/*/bin or PATH", errNoPostgres)
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

func unprivileged() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, lookErr := user.Lookup(name)
		if lookErr != nil {
			err = lookErr
			continue
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
		return uid, gid, nil
	}
	return 0, 0, err
}
