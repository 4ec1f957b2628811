package configs

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/handstamp/handstamp/providers"
)

// Telemetry is who hears what the broker does, beside its log.
type Telemetry struct {
	OTLPEndpoint string                      `yaml:"otlp_endpoint"` // "": no traces
	OTLPHeaders  map[string]providers.Secret `yaml:"otlp_headers"`
	Sample       Share                       `yaml:"sample"` // of the logins
	Metrics      Metrics                     `yaml:"metrics"`
}

// Metrics is where Prometheus fetches what is measured.
type Metrics struct {
	Listen  string `yaml:"listen"` // "" or off: nowhere, and nothing is measured
	Clients int    `yaml:"clients"`
}

// Enabled tells whether anything is measured.
func (m Metrics) Enabled() bool { return m.Listen != "" && m.Listen != Off }

// Share is a part of a whole, from 0 to 1.
type Share float64

// UnmarshalText reads 0.25 or 25%.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return fmt.Errorf("%q is not a share: write a number from 0 to 1, or 25%%", cut(string(text)))
	}
	*s = Share(f)
	return nil
}

const mostOwnSeries = 1000

func (v *validator) telemetry() {
	t := v.c.Telemetry
	if t.OTLPEndpoint != "" {
		v.otlpEndpoint(t.OTLPEndpoint)
	} else if len(t.OTLPHeaders) > 0 {
		v.problem("telemetry.otlp_headers", "add otlp_endpoint, or remove it", "nothing is sent, since there is no otlp_endpoint")
	}
	for name, value := range t.OTLPHeaders {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			v.problem("telemetry.otlp_headers."+name, "write it as authorization: ${OTLP_SECRET}", "this cannot be a header of an HTTP request")
		}
	}
	m := t.Metrics
	if m.Clients < 0 || m.Clients > mostOwnSeries {
		v.problem("telemetry.metrics.clients", "the default is 100", "%d is not between 0 and %d: each client makes dozens of series", m.Clients, mostOwnSeries)
	}
	if !m.Enabled() {
		return
	}
	v.address("telemetry.metrics.listen", m.Listen)
	if _, port, err := net.SplitHostPort(m.Listen); err == nil && port != "0" && (m.Listen == v.c.Listen || m.Listen == v.c.Admin.Listen) {
		v.problem("telemetry.metrics.listen", "another port: 127.0.0.1:9464", "the broker or its console listens there")
	}
}

func (v *validator) otlpEndpoint(text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !printable(text):
		v.problem("telemetry.otlp_endpoint", "write it as https://collector.example.com:4318", "this is not the address of an OTLP receiver")
	case u.Scheme != "https" && u.Scheme != "http":
		v.problem("telemetry.otlp_endpoint", "write it as https://collector.example.com:4318: OTLP over HTTP, not gRPC", "the address is neither https nor http")
	case u.Port() == "4317":
		v.problem("telemetry.otlp_endpoint", "the receiver's port for HTTP, which is usually 4318", "4317 is the port for gRPC, which is not spoken here")
	case u.Scheme == "http" && !loopback(u.Hostname()) && len(v.c.Telemetry.OTLPHeaders) > 0:
		v.problem("telemetry.otlp_endpoint", "write https://"+u.Host, "the headers would go over the network in the clear")
	}
}
