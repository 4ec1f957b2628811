//go:build unix

package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
)

// sockets tells whether this system has sockets whose file mode says who may use them.
const sockets = true

// umask is the process's: one at a time changes it.
var umask sync.Mutex

// privateSocket makes a socket that only its owner may use, from the first moment on.
func privateSocket(path string) (net.Listener, error) {
	umask.Lock()
	defer umask.Unlock()
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.Listen("unix", path)
}

// removeSocket removes a socket that nobody answers at, and nothing else.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New(path + " is there and is no socket")
	}
	return os.Remove(path)
}
