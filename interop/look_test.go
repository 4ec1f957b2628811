package interop

import "testing"

// A look is what node/look.mjs saw of a page.
type look struct {
	Page, Title, ColorScheme string
	Width                    int
	Sideways                 int
	Violations               []struct {
		ID, Impact, Help string
		At               []string
	}
	Tab, Missed, Jumps, Unseen []string
}

// judge says what a person would have stumbled over.
func (l *look) judge(t *testing.T) {
	t.Helper()
	for _, violation := range l.Violations {
		if violation.Impact == "serious" || violation.Impact == "critical" {
			t.Errorf("%s at %d px, %s: axe-core: %s (%s): %v", l.Page, l.Width, l.ColorScheme, violation.Help, violation.ID, violation.At)
		}
	}
	if l.Sideways > 0 {
		t.Errorf("%s at %d px scrolls sideways by %d px", l.Page, l.Width, l.Sideways)
	}
	for problem, stops := range map[string][]string{
		"Tab does not reach": l.Missed, "Tab jumps at": l.Jumps, "one cannot see the focus on": l.Unseen,
	} {
		if len(stops) > 0 {
			t.Errorf("%s at %d px: %s %q; the order is %q", l.Page, l.Width, problem, stops, l.Tab)
		}
	}
}
