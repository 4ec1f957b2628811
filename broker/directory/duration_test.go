package directory

import (
	"testing"
	"time"
)

func TestDurationsAreReadAndWrittenAsPeopleDo(t *testing.T) {
	for _, row := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"0s", 0, "0s"}, {"0", 0, "0s"}, {"90s", 90 * time.Second, "1m30s"}, {"5m", 5 * time.Minute, "5m"}, {"12h", 12 * time.Hour, "12h"}, {"14d", 14 * day, "14d"},
		{"1d12h", 36 * time.Hour, "1d12h"}, {"1h30m", 90 * time.Minute, "1h30m"}, {"48h", 48 * time.Hour, "2d"}, {"1d1s", day + time.Second, "1d1s"}, {"10ms", 10 * time.Millisecond, "10ms"},
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(row.text)); err != nil || d.Std() != row.want {
			t.Errorf("%q: got %v, %v", row.text, d.Std(), err)
		}
		if b, err := d.MarshalText(); err != nil || string(b) != row.back {
			t.Errorf("%q: written as %q, want %q", row.text, b, row.back)
		}
		if again, err := parseDuration(row.back); err != nil || again != d {
			t.Errorf("%q does not come back: %v, %v", row.back, again, err)
		}
	}
	for _, text := range []string{"", "5", "5 m", "d", "-5m", "-1d", "1d-5m", "1.5d", "1w", "five", "1h1d", "99999999999d", "+1d", "1d1d"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}
