package configs

import (
	_ "embed"
	"time"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// HandstampYAML is the reference: every setting with its default and why.
//
//go:embed handstamp.yaml
var HandstampYAML []byte

// DevYAML is what `handstamp dev` runs; its addresses and secrets come from the
// environment that dev makes.
//
//go:embed dev.yaml
var DevYAML []byte

const day = directory.Duration(24 * time.Hour)

// span is a lifetime's default and the range in which it makes sense.
type span struct {
	key                   string
	of                    func(*Config) *directory.Duration
	standard, least, most directory.Duration
	why                   string // what is wrong beyond the range
}

// spans is the one table of lifetimes.
var spans = []span{
	{"lifetimes.access", func(c *Config) *directory.Duration { return &c.Lifetimes.Access }, minutes(5), minutes(1), minutes(60), "an access token cannot be called back before it expires"},
	{"lifetimes.id", func(c *Config) *directory.Duration { return &c.Lifetimes.ID }, minutes(10), minutes(1), minutes(60), "an ID token is read once, right after the login"},
	{"lifetimes.code", func(c *Config) *directory.Duration { return &c.Lifetimes.Code }, seconds(60), seconds(10), minutes(10), "a code is redeemed at once (RFC 6749 section 4.1.2: ten minutes at most)"},
	{"lifetimes.transaction", func(c *Config) *directory.Duration { return &c.Lifetimes.Transaction }, minutes(10), minutes(1), minutes(60), "this is how long one login may take at the provider"},
	{"lifetimes.session_idle", func(c *Config) *directory.Duration { return &c.Lifetimes.SessionIdle }, minutes(30), minutes(1), 30 * day, "a forgotten browser stays signed in for so long"},
	{"lifetimes.session_absolute", func(c *Config) *directory.Duration { return &c.Lifetimes.SessionAbsolute }, minutes(12 * 60), minutes(5), 90 * day, "a stolen cookie works for so long"},
	{"lifetimes.refresh_idle", func(c *Config) *directory.Duration { return &c.Lifetimes.RefreshIdle }, 14 * day, minutes(5), 365 * day, "an unused refresh token stays good for so long"},
	{"lifetimes.refresh_absolute", func(c *Config) *directory.Duration { return &c.Lifetimes.RefreshAbsolute }, 90 * day, minutes(5), 730 * day, "a refresh token's family ends then, however busy it is"},
	{"lifetimes.refresh_grace", func(c *Config) *directory.Duration { return &c.Lifetimes.RefreshGrace }, seconds(10), 0, seconds(60), "within it a repeated refresh counts as a retry, not as a theft"},
	{"lifetimes.max_upstream_age", func(c *Config) *directory.Duration { return &c.Lifetimes.MaxUpstreamAge }, 30 * day, minutes(60), 730 * day, "rules work on the last answer of the provider until then"},
	{"keys.rotate_every", func(c *Config) *directory.Duration { return &c.Keys.RotateEvery }, 90 * day, day, 730 * day, "keys that change hourly outrun caches; keys that never change are never practised"},
	{"keys.publish_ahead", func(c *Config) *directory.Duration { return &c.Keys.PublishAhead }, minutes(65), minutes(5), 7 * day, "APIs cache the key set for up to an hour"},
	{"keys.keep_after", func(c *Config) *directory.Duration { return &c.Keys.KeepAfter }, day, minutes(65), 30 * day, "tokens that a retired key signed must still verify"},
	{"retention.audit", func(c *Config) *directory.Duration { return &c.Retention.Audit }, 400 * day, 7 * day, 3660 * day, "who did what is asked weeks later, and often a year later"},
	{"retention.logins", func(c *Config) *directory.Duration { return &c.Retention.Logins }, 30 * day, day, 400 * day, "a trace holds what the provider said about a person"},
	{"retention.counts", func(c *Config) *directory.Duration { return &c.Retention.Counts }, 400 * day, 7 * day, 3660 * day, "the overview's charts look back so far"},
	{"retention.tombstones", func(c *Config) *directory.Duration { return &c.Retention.Tombstones }, day, day, 90 * day, "a replay is recognised for so long"},
	{"outgoing.timeout", func(c *Config) *directory.Duration { return &c.Outgoing.Timeout }, seconds(10), seconds(1), seconds(60), "a person waits for it"},
}

func seconds(n int) directory.Duration { return directory.Duration(time.Duration(n) * time.Second) }
func minutes(n int) directory.Duration { return directory.Duration(time.Duration(n) * time.Minute) }

// Defaults are the settings that hold where a file is silent.
func Defaults() *Config {
	c := &Config{
		Listen:  "127.0.0.1:8080",
		Admin:   Admin{Listen: "127.0.0.1:8081"},
		Storage: Storage{URL: providers.Secret("sqlite:handstamp.db")},
		Keys:    Keys{Algs: []string{"ES256", "RS256"}},
		Brand:   directory.Brand{Name: "Handstamp"},
		Log:     Log{Level: "info", Format: "json"},

		Telemetry: Telemetry{Sample: 1, Metrics: Metrics{Clients: 100}},
		Retention: Retention{Strangers: 10_000},
	}
	for _, s := range spans {
		*s.of(c) = s.standard
	}
	return c
}
