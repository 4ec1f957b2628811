package configs

import (
	"strings"
	"testing"
)

func TestWhereAdministratorsComeInIsChecked(t *testing.T) {
	for _, row := range []struct{ admin, key, message, why string }{
		{"listen: 8081", "admin.listen", "not host:port", "a port alone"},
		{"listen: '127.0.0.1:8080'", "admin.listen", "the broker itself listens there", "the broker's own door"},
		{"listen: ':8081'", "admin.url", "address is not known", "beyond this machine, without a name"},
		{"url: http://admin.example.com", "admin.url", "loopback only", "in the clear"},
		{"url: https://admin.example.com/console", "admin.url", "without a path", "a path"},
		{"url: https://Admin.example.com", "admin.url", "lower case", "capitals"},
		{"url: https://u:p@admin.example.com", "admin.url", "not the address", "a password in it"},
		{"url: ftp://admin.example.com", "admin.url", "neither https nor http", "another scheme"},
		{"url: https://login.example.com", "admin.url", "this is the issuer", "the issuer"},
		{"{listen: off, url: 'https://admin.example.com'}", "admin.url", "admin.listen is off", "a name for nothing"},
		{"socket: /" + strings.Repeat("x", 110), "admin.socket", "at most", "a path that no system takes"},
	} {
		text := row.admin
		if !strings.HasPrefix(text, "{") {
			text = "{" + text + "}"
		}
		_, err := Parse("h.yaml", []byte("issuer: https://login.example.com\nadmin: "+text+"\n"), environ)
		if err == nil {
			t.Errorf("%s: accepted", row.why)
			continue
		}
		if p := problemsOf(t, err); len(p) != 1 || p[0].Key != row.key || !strings.Contains(p[0].Message, row.message) {
			t.Errorf("%s:\n got %v\nwant %s: %s", row.why, err, row.key, row.message)
		}
	}
}

func TestTheConsoleIsOnLoopbackUnlessSaidOtherwise(t *testing.T) {
	for _, row := range []struct{ file, url, socket string }{
		{"", "http://127.0.0.1:8081", "/etc/h/handstamp.db.sock"},
		{"admin: {listen: ':9000', url: 'https://admin.example.com'}\n", "https://admin.example.com", "/etc/h/handstamp.db.sock"},
		{"admin: {socket: run/admin.sock}\n", "http://127.0.0.1:8081", "/etc/h/run/admin.sock"},
		{"admin: {socket: off}\n", "http://127.0.0.1:8081", ""},
	} {
		c, err := Parse("/etc/h/handstamp.yaml", []byte("issuer: https://login.example.com\n"+row.file), environ)
		if err != nil {
			t.Fatal(err)
		}
		if url, socket := c.AdminURL(c.Admin.Listen), c.AdminSocket(); !c.Admin.Enabled() || url != row.url || socket != row.socket {
			t.Errorf("%q: %s, %s", row.file, url, socket)
		}
	}
	for _, off := range []string{"off", "''"} {
		if c, err := Parse("h.yaml", []byte("issuer: https://login.example.com\nadmin: {listen: "+off+"}\n"), environ); err != nil || c.Admin.Enabled() {
			t.Errorf("%s: %v", off, err)
		}
	}
}

func TestRetentionIsBounded(t *testing.T) {
	for _, row := range []struct{ retention, key string }{
		{"audit: 1d", "retention.audit"}, {"logins: 1h", "retention.logins"}, {"logins: 2000d", "retention.logins"},
		{"tombstones: 1m", "retention.tombstones"}, {"revisions: 3", "retention.revisions"}, {"strangers: 0", "retention.strangers"},
	} {
		_, err := Parse("h.yaml", []byte("issuer: https://login.example.com\nretention: {"+row.retention+"}\n"), environ)
		if err == nil {
			t.Errorf("%s: accepted", row.retention)
		} else if p := problemsOf(t, err); len(p) != 1 || p[0].Key != row.key {
			t.Errorf("%s: %v", row.retention, err)
		}
	}
}
