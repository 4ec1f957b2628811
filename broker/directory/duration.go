package directory

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as people write it: "90s", "5m", "12h", "14d", "1d12h".
type Duration time.Duration

const day = 24 * time.Hour

// parseDuration reads a Duration. Days are 24 hours; a negative one is refused.
func parseDuration(s string) (Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "", s
	}
	var total time.Duration
	if found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration: write 90s, 5m, 12h or 14d", s)
		}
		total = time.Duration(n) * day
	}
	if rest != "" || !found {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration: write 90s, 5m, 12h or 14d", s)
		}
		total += d
	}
	if total < 0 || strings.HasPrefix(rest, "-") {
		return 0, fmt.Errorf("%q is negative", s)
	}
	return Duration(total), nil
}

// Std returns the standard library's duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes whole days as days and leaves out empty parts: "14d", "1d12h", "5m".
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	text := ""
	if n := t / day; n > 0 {
		text, t = strconv.FormatInt(int64(n), 10)+"d", t%day
	}
	if t == 0 {
		return text
	}
	rest := t.String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return text + rest
}

// UnmarshalText reads the form that people write.
func (d *Duration) UnmarshalText(b []byte) error {
	parsed, err := parseDuration(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// MarshalText writes the form that people write.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
