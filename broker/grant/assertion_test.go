package grant

import (
	"strconv"
	"testing"
	"time"
)

func TestT25_UsedAssertionsTakeBoundedMemory(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	u := &usedIDs{now: func() time.Time { return now }}
	for i := range maxUsedOfOne {
		if fresh, full := u.first("busy", strconv.Itoa(i)); !fresh || full {
			t.Fatalf("%d: fresh %v, full %v", i, fresh, full)
		}
	}
	if fresh, full := u.first("busy", "one more"); fresh || !full {
		t.Error("a client that used too many must wait, not make others forgotten")
	}
	if fresh, full := u.first("busy", "0"); fresh || full {
		t.Error("while it is full, a replay must still be known")
	}
	if fresh, _ := u.first("calm", "0"); !fresh {
		t.Error("another client has its own ids and its own room")
	}
	for c := range 10 {
		for i := range maxUsedOfOne {
			u.first("flood-"+strconv.Itoa(c), strconv.Itoa(i))
		}
	}
	if n := len(u.young) + len(u.old); n > 2*maxUsedIDs {
		t.Errorf("%d ids are remembered", n)
	}

	now = now.Add(generation)
	if fresh, full := u.first("busy", "7"); fresh || full {
		t.Error("an id of the generation before must be known: its assertion may still be good")
	}
	if fresh, _ := u.first("busy", "new"); !fresh {
		t.Error("a new generation has room again")
	}
	now = now.Add(generation)
	if fresh, _ := u.first("busy", "7"); !fresh {
		t.Error("after two generations an id is forgotten: its assertion is long dead")
	}
	now = now.Add(3 * generation)
	u.first("busy", "8")
	if n := len(u.young) + len(u.old); n != 1 {
		t.Errorf("after a long rest %d ids are remembered", n)
	}
}
