package tokens

import (
	"context"
	"errors"
	"testing"
)

func TestC09_AKeyThatIsNotKnownYetIsLookedForAnew(t *testing.T) {
	old, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	old.State = Active
	made, err := NewKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := NewRing(old)
	if err != nil {
		t.Fatal(err)
	}
	asked, may := 0, false
	finder := &Relearning{Keys: ring, Again: func(context.Context) bool {
		if asked++; !may {
			return false
		}
		next := *made
		next.State = Next
		return ring.Swap([]*Key{old, &next}) == nil
	}}
	if _, err := finder.FindKey(t.Context(), old.ID); err != nil || asked != 0 {
		t.Errorf("a known key: %v, asked %d times", err, asked)
	}
	if _, err := finder.FindKey(t.Context(), made.ID); !errors.Is(err, ErrUnknownKey) || asked != 1 {
		t.Errorf("where nothing may be read: %v, asked %d times", err, asked)
	}
	may = true
	if k, err := finder.FindKey(t.Context(), made.ID); err != nil || k.ID != made.ID {
		t.Errorf("what another node made: %v", err)
	}
	if _, err := finder.FindKey(t.Context(), "invented"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an invented one: %v", err)
	}
}
