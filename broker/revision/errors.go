package revision

import (
	"errors"
	"strings"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/storage"
)

// Why a change is refused. Compare with errors.Is.
var (
	// ErrConflict: somebody else changed the directory since Base.
	ErrConflict = storage.ErrConflict
	// ErrIssuerChanged: people are known by a provider's slug and their subject there.
	ErrIssuerChanged = storage.ErrIssuerChanged
	// ErrNoRevision: there is no revision of this number (any more).
	ErrNoRevision = errors.New("there is no such revision")
	// ErrReference: whoever may name files and variables can read this machine's.
	ErrReference = errors.New("only who works on this machine may name a file or a variable; give the secret itself, or keep the source that is there")
	// ErrRetype: a kept secret must not follow an address that somebody changed.
	ErrRetype = errors.New("where the secret goes was changed: give the secret again")
	// ErrPrivate: which networks this machine may reach is its operator's to say.
	ErrPrivate = errors.New("only who works on this machine may open private networks: use handstamp apply")
	// ErrNeedsOwner: what machines may administer is for owners to say.
	ErrNeedsOwner = errors.New("only an owner may change what machines administer")
	// ErrLocksOut: the way back would lead through the shell.
	ErrLocksOut = errors.New("no owner could sign in afterwards; on the machine itself, handstamp apply --force does it all the same")
)

// Invalid is a document that cannot be the directory.
type Invalid struct{ Problems []directory.Problem }

func (i *Invalid) Error() string {
	lines := make([]string, len(i.Problems))
	for n, p := range i.Problems {
		lines[n] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Refusal is one place of a document for which a change is refused.
type Refusal struct {
	Path string
	Err  error
}

func (r *Refusal) Error() string { return r.Path + ": " + r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }

// Refusals lists the places in an error of Plan or Apply.
func Refusals(err error) (out []*Refusal) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			out = append(out, Refusals(one)...)
		}
		return out
	}
	var r *Refusal
	if errors.As(err, &r) {
		out = append(out, r)
	}
	return out
}
