package configs

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhereTelemetryGoesIsChecked(t *testing.T) {
	for _, row := range []struct{ telemetry, key, message, why string }{
		{"{otlp_endpoint: collector:4318}", "telemetry.otlp_endpoint", "not the address", "no scheme"},
		{"{otlp_endpoint: 'grpc://collector.example.com'}", "telemetry.otlp_endpoint", "neither https nor http", "another protocol"},
		{"{otlp_endpoint: 'https://collector.example.com:4317'}", "telemetry.otlp_endpoint", "gRPC", "gRPC's port"},
		{"{otlp_endpoint: 'https://u:p@collector.example.com'}", "telemetry.otlp_endpoint", "not the address", "a password in it"},
		{"{otlp_endpoint: 'http://collector.example.com:4318', otlp_headers: {authorization: '${OTLP_SECRET}'}}", "telemetry.otlp_endpoint", "in the clear", "a secret in the clear"},
		{"{otlp_headers: {authorization: '${OTLP_SECRET}'}}", "telemetry.otlp_headers", "nothing is sent", "headers for nobody"},
		{"{otlp_endpoint: 'https://collector.example.com', otlp_headers: {'a b': '${OTLP_SECRET}'}}", "telemetry.otlp_headers.a b", "cannot be a header", "a space in a header's name"},
		{"{sample: 2}", "telemetry.sample", "not a share", "twice the logins"},
		{"{sample: often}", "telemetry.sample", "not a share", "a word"},
		{"{sample: NaN}", "telemetry.sample", "not a share", "not a number"},
		{"{metrics: {listen: 9464}}", "telemetry.metrics.listen", "not host:port", "a port alone"},
		{"{metrics: {listen: '127.0.0.1:8080'}}", "telemetry.metrics.listen", "listens there", "the broker's own door"},
		{"{metrics: {listen: '127.0.0.1:8081'}}", "telemetry.metrics.listen", "listens there", "the console's"},
		{"{metrics: {clients: 100000}}", "telemetry.metrics.clients", "dozens of series", "too many series"},
	} {
		_, err := Parse("h.yaml", []byte("issuer: https://login.example.com\ntelemetry: "+row.telemetry+"\n"), environ)
		if err == nil {
			t.Errorf("%s: accepted", row.why)
			continue
		}
		if p := problemsOf(t, err); len(p) != 1 || p[0].Key != row.key || !strings.Contains(p[0].Message+p[0].Hint, row.message) {
			t.Errorf("%s:\n got %v\nwant %s: %s", row.why, err, row.key, row.message)
		}
	}
}

func TestTelemetryIsOffUntilItIsSet(t *testing.T) {
	for _, row := range []struct {
		file    string
		traces  bool
		metrics bool
		sample  Share
	}{
		{"", false, false, 1},
		{"telemetry: {metrics: {listen: off}}\n", false, false, 1},
		{"telemetry: {metrics: {listen: '127.0.0.1:9464'}}\n", false, true, 1},
		{"telemetry: {otlp_endpoint: 'https://collector.example.com', otlp_headers: {authorization: '${OTLP_SECRET}'}, sample: 25%}\n", true, false, .25},
		{"telemetry: {otlp_endpoint: 'http://127.0.0.1:4318', sample: 0.5}\n", true, false, .5},
	} {
		c := must(t, "h.yaml", []byte("issuer: https://login.example.com\n"+row.file))
		tel := c.Telemetry
		if (tel.OTLPEndpoint != "") != row.traces || tel.Metrics.Enabled() != row.metrics || tel.Sample != row.sample || tel.Metrics.Clients != 100 {
			t.Errorf("%q: %+v", row.file, tel)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", tel, tel, tel), longSecret) {
			t.Errorf("%q: its headers print", row.file)
		}
	}
}
