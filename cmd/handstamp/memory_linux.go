package main

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// giveBack returns to the system what only starting took: heap that is free again, and the
// pages of the program's own file that nothing has needed since. Those stay in the kernel's
// cache, and come back by themselves when they are read again.
func giveBack() {
	released := untouched()
	debug.FreeOSMemory()
	for _, m := range released {
		// Only what was never written: the kernel reads such pages from the file again.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED)
	}
}

type extent struct{ from, to uintptr }

// untouched are the parts of the program's file in memory that may only be read, and of
// which no page has a copy of this process's own.
func untouched() (list []extent) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil
	}
	defer f.Close()
	return readMappings(bufio.NewScanner(f), program)
}

// readMappings reads the form of proc_pid_smaps(5): a line for each mapping and lines with
// what is known of it.
func readMappings(lines *bufio.Scanner, program string) (list []extent) {
	var m extent
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		if from, to, is := strings.Cut(fields[0], "-"); is && len(fields) >= 5 {
			m = extent{}
			if len(fields) < 6 || !strings.HasPrefix(fields[1], "r-") || !strings.HasSuffix(lines.Text(), " "+program) {
				continue
			}
			a, bad := strconv.ParseUint(from, 16, strconv.IntSize)
			b, worse := strconv.ParseUint(to, 16, strconv.IntSize)
			if bad == nil && worse == nil && a < b {
				m = extent{uintptr(a), uintptr(b)}
			}
			continue
		}
		if fields[0] == "Anonymous:" && fields[1] == "0" && m.to != 0 {
			list = append(list, m)
			m = extent{}
		}
	}
	return list
}
