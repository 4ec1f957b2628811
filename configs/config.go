// Package configs reads the settings file: strictly, all problems at once, each
// with its line and the likely fix.
//
//	handstamp.yaml ─▶ yaml tree ─▶ Config ─▶ checks ─▶ Config with its directory
//	   ${ENV}, file:      │           (unknown keys, types)    │
//	                      └──────────── Problems ◀─────────────┘
//
// It owns the file's form, the defaults (one table, see Defaults) and the secrets
// on their way in. What a provider, client, resource or rule means belongs to
// broker/directory and broker/mapping, whose problems are told here with their
// lines. Only cmd imports this package.
package configs

import (
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/providers"
)

// Config is the whole settings file. handstamp.yaml beside this package shows each
// key with its default and why.
type Config struct {
	Issuer         string             `yaml:"issuer"`
	Listen         string             `yaml:"listen"`
	TLS            TLS                `yaml:"tls"`
	TrustedProxies []string           `yaml:"trusted_proxies"`
	Admin          Admin              `yaml:"admin"`
	Storage        Storage            `yaml:"storage"`
	SealingKeys    []providers.Secret `yaml:"sealing_keys"` // see SealingKeyBytes
	Outgoing       Outgoing           `yaml:"outgoing"`
	Lifetimes      Lifetimes          `yaml:"lifetimes"`
	Keys           Keys               `yaml:"keys"`
	Retention      Retention          `yaml:"retention"`
	Brand          directory.Brand    `yaml:"brand"`
	Docs           Docs               `yaml:"docs"`
	Log            Log                `yaml:"log"`
	Telemetry      Telemetry          `yaml:"telemetry"`

	Directory     directory.Document `yaml:",inline"`   // in source form, with the values of its secrets
	DirectoryPath string             `yaml:"directory"` // the file or folder that holds it instead

	// Warnings are settings that are allowed and deserve a second look.
	Warnings []Problem `yaml:"-"`

	snapshot     *directory.Snapshot
	places       places
	hasDirectory bool
	env          func(string) (string, bool)
}

// TLS names the files of the broker's own certificate; both empty means that
// somebody else ends TLS, or that the issuer is on loopback.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Storage says where everything is kept: sqlite:PATH or postgres://….
type Storage struct {
	URL providers.Secret `yaml:"url"` // a PostgreSQL URL may carry a password
}

// Outgoing is how the broker reaches upstream providers.
type Outgoing struct {
	CAFile        string             `yaml:"ca_file"`
	Proxy         providers.Secret   `yaml:"proxy"` // may carry a password
	AllowLoopback bool               `yaml:"allow_loopback"`
	Timeout       directory.Duration `yaml:"timeout"`
}

// Lifetimes is how long everything lives.
type Lifetimes struct {
	Access          directory.Duration `yaml:"access"`
	ID              directory.Duration `yaml:"id"`
	Code            directory.Duration `yaml:"code"`
	Transaction     directory.Duration `yaml:"transaction"`
	SessionIdle     directory.Duration `yaml:"session_idle"`
	SessionAbsolute directory.Duration `yaml:"session_absolute"`
	RefreshIdle     directory.Duration `yaml:"refresh_idle"`
	RefreshAbsolute directory.Duration `yaml:"refresh_absolute"`
	RefreshGrace    directory.Duration `yaml:"refresh_grace"`
	MaxUpstreamAge  directory.Duration `yaml:"max_upstream_age"`
}

// Keys is how signing keys are made and changed.
type Keys struct {
	Algs         []string           `yaml:"algs"`
	RotateEvery  directory.Duration `yaml:"rotate_every"`
	PublishAhead directory.Duration `yaml:"publish_ahead"`
	KeepAfter    directory.Duration `yaml:"keep_after"`
}

// Docs is the page at /docs that shows the broker's own OpenAPI document.
type Docs struct {
	Enabled  bool   `yaml:"enabled"`
	ClientID string `yaml:"client_id"` // the public client that its Authorize button signs in with
}

// Log is how much is written, and in which form.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Snapshot is the directory of this file, compiled.
func (c *Config) Snapshot() *directory.Snapshot { return c.snapshot }
