package password

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Lengths of a new password, in characters.
const (
	Least = 12  // unless an administrator says otherwise
	Most  = 128 // longer ones only cost work
	Floor = 8   // NIST SP 800-63B §3.1.1.2: no administrator may ask for less
)

// Rules say which new passwords are good enough. There is no rule about digits or
// signs: length and not being everybody's password are what counts.
type Rules struct {
	Least int // 0: the default
}

// Weak says, to the person, why a password is refused.
type Weak struct{ Sentence string }

func (w *Weak) Error() string { return w.Sentence }

// Check gives the normal form of a new password, or a *Weak.
func (r Rules) Check(typed string) (normal string, err error) {
	least := r.Least
	if least == 0 {
		least = Least
	}
	normal = Normal(typed)
	switch n := utf8.RuneCountInString(normal); {
	case !utf8.ValidString(typed) || strings.ContainsFunc(normal, unicode.IsControl):
		return "", &Weak{"The password contains characters that cannot be typed."}
	case n < least:
		return "", &Weak{fmt.Sprintf("The password needs at least %d characters.", least)}
	case n > Most || len(normal) > maxTyped || len(typed) > maxTyped:
		return "", &Weak{fmt.Sprintf("The password may have at most %d characters.", Most)}
	case commonest()[strings.ToLower(normal)]:
		return "", &Weak{"Many people use this password, so it is tried first. Please choose another one."}
	}
	return normal, nil
}

//go:embed common.txt
var commonText string

// commonest are the passwords that every list of leaked ones begins with, in lower case.
var commonest = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, line := range strings.Fields(commonText) {
		out[line] = true
	}
	return out
})
