// Package brokertest is what the tests of several rooms use: time that a test moves, a log
// that it reads, and the contrast of two colours. Nothing here runs in production.
package brokertest

import (
	"strings"
	"sync"
	"time"
)

// Clock is time that moves only when a test says so, on top of the real one.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now is the time by this clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// Set puts the clock so far from the real one.
func (c *Clock) Set(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}

// Lines keeps what was logged, from any number of goroutines.
type Lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Forget begins anew.
func (l *Lines) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}
