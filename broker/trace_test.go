package broker_test

import (
	"encoding/json"
	"testing"

	"github.com/handstamp/handstamp/storage"
)

// stepsOf names the steps of a trace in their order.
func stepsOf(t testing.TB, l *storage.Login) []string {
	t.Helper()
	var steps []storage.LoginStep
	if err := json.Unmarshal(l.Steps, &steps); err != nil {
		t.Fatalf("steps %q: %v", l.Steps, err)
	}
	var names []string
	for i, s := range steps {
		if s.After < 0 || i > 0 && s.After < steps[i-1].After {
			t.Errorf("steps go back in time: %v", steps)
		}
		names = append(names, s.What)
	}
	return names
}
