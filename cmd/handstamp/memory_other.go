//go:build !linux

package main

import "runtime/debug"

// giveBack returns to the system what only starting took.
func giveBack() { debug.FreeOSMemory() }
