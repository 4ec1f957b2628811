package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Only parts of the program's own file that cannot be written, and have no page that was,
// may be given back: anything else would be lost.
func TestOnlyWhatTheFileStillHasIsGivenBack(t *testing.T) {
	part := func(perms, path string, anonymous int) string {
		return fmt.Sprintf("00400000-01606000 %s 00000000 fe:00 10027451                   %s\nSize:              18456 kB\nAnonymous:          %4d kB\nVmFlags: rd ex mr mw me dw\n", perms, path, anonymous)
	}
	for _, row := range []struct {
		why, smaps string
		given      int
	}{
		{"the program's code", part("r-xp", "/bin/handstamp", 0), 1},
		{"its constants", part("r--p", "/bin/handstamp", 0), 1},
		{"its variables", part("rw-p", "/bin/handstamp", 0), 0},
		{"constants that were relocated", part("r--p", "/bin/handstamp", 16), 0},
		{"somebody else's file", part("r-xp", "/lib/libc.so", 0), 0},
		{"no file", strings.TrimRight(part("r--p", "", 0), " "), 0},
		{"two of them", part("r-xp", "/bin/handstamp", 0) + part("rw-p", "/bin/handstamp", 0) + part("r--p", "/bin/handstamp", 0), 2},
		{"a path with a space", part("r-xp", "/opt/my apps/handstamp", 0), 0},
		{"an ending that fits", part("r-xp", "/evil/bin/handstamp", 0), 0},
	} {
		got := readMappings(bufio.NewScanner(strings.NewReader(row.smaps)), "/bin/handstamp")
		if len(got) != row.given {
			t.Errorf("%s: %v", row.why, got)
		}
		for _, m := range got {
			if m.from != 0x400000 || m.to != 0x1606000 {
				t.Errorf("%s: %x", row.why, m)
			}
		}
	}
}

func TestWhatIsGivenBackComesBack(t *testing.T) {
	if len(untouched()) == 0 {
		t.Fatal("nothing of this program can be given back")
	}
	before := fileBacked(t)
	giveBack()
	if after := fileBacked(t); after >= before {
		t.Errorf("%d KiB of the file in memory became %d", before, after)
	}
}

// fileBacked is how many KiB of files the process has in memory.
func fileBacked(t *testing.T) (kib int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "RssFile: %d kB", &kib); err == nil {
			return kib
		}
	}
	t.Fatal("the kernel does not say")
	return 0
}
