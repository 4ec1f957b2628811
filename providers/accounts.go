package providers

import (
	"context"
	"fmt"
	"time"
)

// Accounts is the book that a provider of kind local looks people up in. The roof
// supplies it, so that this package knows no database.
type Accounts interface {
	// Try counts a try at a login name before it is made, or returns a *Held when it
	// comes too soon. Call right once the try was right; signedIn: nothing is asked after it.
	Try(ctx context.Context, login, address string, code bool) (right func(ctx context.Context, signedIn bool) error, err error)

	// At returns the account of a login name. For a name that nobody has it returns
	// another account or none, so that refusing it takes the same work: compare Login.
	At(ctx context.Context, login string) (Account, error)

	// Upgrade replaces a hash by a better one of the same password.
	Upgrade(ctx context.Context, subject, old, better string) error

	// Spend uses up the code of a time step; only the first caller is told true.
	Spend(ctx context.Context, subject string, step int64) (bool, error)
}

// Account is what a book of Accounts says of a person.
type Account struct {
	Subject, Login, Name, Email string
	EmailVerified               bool // an administrator said so
	Groups                      []string
	Hash                        string // see package password; "" where none is set
	PasswordSince               time.Time
	TOTP                        string // secret of the second factor, or ""
}

// Held says that a try came too soon.
type Held struct{ Wait time.Duration }

func (h *Held) Error() string {
	return fmt.Sprintf("too many failed tries; the next one may come in %s", h.Wait)
}
