package tokens

import "time"

// Policy says when keys change.
type Policy struct {
	Algs         []Alg
	Every        time.Duration
	PublishAhead time.Duration
	KeepAfter    time.Duration
}

// Plan returns the keys as they should stand now.
func (p Policy) Plan(now time.Time, keys []*Key) (next []*Key, changed bool, err error) {
	return nil, false, errUnfinished
}
