//go:build !unix

package main

import (
	"errors"
	"net"
)

const sockets = false

// privateSocket: here a socket's file has no mode that would say who may use it.
func privateSocket(string) (net.Listener, error) {
	return nil, errors.New("there is none on this system: admin.socket: off")
}

func removeSocket(string) error { return nil }
