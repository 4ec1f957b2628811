// Package password keeps secrets that people chose: it hashes and checks them,
// reads the hashes of other systems, and says which passwords are too weak.
//
//	new password ─▶ Rules.Check ─▶ Hash ─▶ one line of text
//	somebody else's hash ─▶ Import ─▶ one line of text, checked as it was made
//	sign-in: Verify(line, what was typed), and Outdated(line) ─▶ Hash again
//
// argon2id costs memory and time on purpose, so the work is done at a few places
// at once and no more. It leaves to its callers who may try, and how often.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of one hash, and how many are computed at once. RFC 9106 §4 asks for as
// much memory as the machine can spare; 19 MiB and two passes is what OWASP asks for
// at least, and keeps a small machine with four logins at once below 80 MiB.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32

	maxPlaces  = 4   // hashes computed at once
	maxWaiting = 64  // who waits beyond that is sent away at once
	maxTyped   = 512 // bytes of a password that anybody ever looks at
)

// ErrBusy means that too many passwords are being checked: try again soon.
var ErrBusy = errors.New("too many passwords are being checked at once")

var (
	places  = make(chan struct{}, max(1, min(maxPlaces, runtime.GOMAXPROCS(0))))
	waiting atomic.Int32
)

// Hash gives the line to keep for a password that Rules.Check returned.
func Hash(ctx context.Context, normal string) (string, error) {
	leave, err := enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltLen)
	rand.Read(salt)
	key := argon2.IDKey([]byte(normal), salt, passes, memory, lanes, keyLen)
	return fmt.Sprintf("%s$%s$%s", head, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

var (
	head = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, memory, passes, lanes)
	b64  = base64.RawStdEncoding.Strict()
)

// Verify tells whether what somebody typed is the password behind a line. It works
// as hard for a line that is "" (nobody, or nobody with a password) as for one that
// Hash made. An error means that the question was not answered.
func Verify(ctx context.Context, line, typed string) (bool, error) {
	leave, err := enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	possible := line != "" && len(typed) <= maxTyped
	if len(typed) > maxTyped {
		typed = ""
	}
	if line == "" {
		line = head + "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	}
	text, foreign := strings.CutPrefix(line, imported)
	if !foreign { // another system hashed what was typed, byte for byte
		typed = Normal(typed)
	}
	s, err := parse(text)
	if err != nil {
		return false, fmt.Errorf("check a password: %w", err)
	}
	right, err := s.matches(typed)
	if err != nil {
		return false, fmt.Errorf("check a password: %w", err)
	}
	return right && possible, nil
}

// Outdated tells whether a line should be replaced by what Hash gives today.
func Outdated(line string) bool { return !strings.HasPrefix(line, head+"$") }

// Normal is the form that is hashed: the same letters, however the keyboard
// composed them (NFKC, NIST SP 800-63B §3.1.1.2).
func Normal(typed string) string { return norm.NFKC.String(typed) }

// enter waits for one of the few places.
func enter(ctx context.Context) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
	}
	if waiting.Add(1) > maxWaiting {
		waiting.Add(-1)
		return nil, ErrBusy
	}
	defer waiting.Add(-1)
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
