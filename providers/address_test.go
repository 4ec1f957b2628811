package providers

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// innerHosts are sixty and more spellings of places where no upstream lives.
var innerHosts = strings.Fields(`
	127.0.0.1 127.1 127.0.1 127.255.255.254 0177.0.0.1 0x7f.0.0.1 0x7f.1 0x7f000001 2130706433 017700000001 127.0.0.1. localhost localhost. LOCALHOST
	x.localhost [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
	[2002:7f00:1::] [::] 0.0.0.0 0 0x0 [::ffff:0.0.0.0]
	169.254.169.254 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] 0xa9.0xfe.0xa9.0xfe 0xa9fea9fe 2852039166 169.254.43518 [64:ff9b::169.254.169.254]
	[2002:a9fe:a9fe::] [fe80::1] [fe80::1%25lo] [fe80::a9fe:a9fe] [fd00:ec2::254] [fd20:ce::254] 100.100.100.200 168.63.129.16 192.0.0.192
	10.0.0.1 10.1 012.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.1 100.64.0.1 [::ffff:10.0.0.1] [64:ff9b::10.0.0.1] [2002:a00:1::] [fc00::1] [fd12:3456::1]
	[fec0::1] 224.0.0.1 239.255.255.255 255.255.255.255 240.0.0.1 [ff02::1] 198.18.0.1 192.0.2.1 198.51.100.1 203.0.113.1 [2001:db8::1] [2001::1] [3fff::1] [100::1]
	[64:ff9b:1::7f00:1] 192.88.99.1 ①②⑦.0.0.1 127。0。0。1`)

func TestU26_NoSpellingOfAnInnerAddressIsDialled(t *testing.T) {
	if len(innerHosts) < 60 {
		t.Fatalf("only %d spellings", len(innerHosts))
	}
	client := must(NewClient(ClientOptions{Resolver: resolver(t, func(string) []string { return []string{"127.0.0.1", "::1"} })}))
	reached := canary(t)
	for _, host := range innerHosts {
		for _, scheme := range []string{"https", "http"} {
			target := scheme + "://" + host + ":" + reached.port + "/"
			req, err := http.NewRequest("GET", target, nil)
			if err != nil {
				continue // not even a URL
			}
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
				t.Errorf("%s was asked", target)
				continue
			}
			var blocked *blockedAddress
			var dns *net.DNSError
			if !errors.As(err, &blocked) && !errors.As(err, &dns) && !errors.Is(err, errPlain) {
				t.Errorf("%s: refused, but not by us: %v", target, err)
			}
		}
	}
	if n := reached.count.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestU26_WhatASettingAllowsAndWhatNone(t *testing.T) {
	for _, row := range []struct {
		ip                         string
		withNone, withLo, withPriv bool
	}{
		{ip: "8.8.8.8", withNone: true, withLo: true, withPriv: true},
		{ip: "2606:4700::1111", withNone: true, withLo: true, withPriv: true},
		{ip: "127.0.0.1", withLo: true},
		{ip: "::1", withLo: true},
		{ip: "::ffff:127.0.0.1", withLo: true},
		{ip: "10.1.2.3", withPriv: true},
		{ip: "fd12::1", withPriv: true},
		{ip: "100.64.0.1", withPriv: true},
		{ip: "169.254.169.254"}, {ip: "fe80::1"}, {ip: "fd00:ec2::254"}, {ip: "100.100.100.200"}, {ip: "0.0.0.0"}, {ip: "::"}, {ip: "224.0.0.1"},
		{ip: "::ffff:169.254.169.254"}, {ip: "64:ff9b::a9fe:a9fe"},
	} {
		ip := netip.MustParseAddr(row.ip)
		for _, c := range []struct {
			with addressPolicy
			want bool
		}{{addressPolicy{}, row.withNone}, {addressPolicy{loopback: true}, row.withLo}, {addressPolicy{private: true}, row.withPriv}} {
			if got := c.with.check(ip) == nil; got != c.want {
				t.Errorf("%s with %+v: allowed %t, want %t", ip, c.with, got, c.want)
			}
		}
	}
}

func TestU26_AnAnswerOfDNSThatTurnsInwardsIsCaughtAtTheDial(t *testing.T) {
	var asked atomic.Int32
	r := resolver(t, func(name string) []string {
		switch {
		case !strings.HasPrefix(name, "flips."):
			return []string{"127.0.0.1"}
		case asked.Add(1) <= 2: // A and AAAA of the first look
			return []string{"93.184.216.34"}
		}
		return []string{"127.0.0.1", "::1"}
	})
	reached := canary(t)
	client := must(NewClient(ClientOptions{Resolver: r}))
	if ips, err := r.LookupHost(context.Background(), "flips.example."); err != nil || ips[0] != "93.184.216.34" {
		t.Fatalf("the first look: %v, %v", ips, err)
	}
	for _, host := range []string{"flips.example.", "inner.example."} {
		_, err := client.Get("https://" + host + ":" + reached.port)
		var blocked *blockedAddress
		if !errors.As(err, &blocked) {
			t.Errorf("%s: %v", host, err)
		}
		if pe := unreachable("discovery", err); pe.Code != ServerError {
			t.Errorf("%s: the app is told %s", host, pe.Code)
		}
	}
	if n := reached.count.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestU26_URLsInClaimsAreNeverAsked(t *testing.T) {
	e := newEvil(t)
	reached := canary(t)
	trap := "http://127.0.0.1:" + reached.port + "/"
	e.claims = func(c map[string]any) {
		for _, name := range []string{"picture", "profile", "website", "logo_uri", "jwks_uri"} {
			c[name] = trap
		}
		c["_claim_names"] = map[string]any{"groups": "src1"}
		c["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": trap, "access_token": "x"}}
	}
	e.userinfo = func(c map[string]any) { e.claims(c) }
	if _, err := e.login(e.provider("oidc", alwaysUserInfo, func(s *Settings) { s.MappedClaims = []string{"groups"} })); err != nil {
		t.Fatal(err)
	}
	if n := reached.count.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

type listening struct {
	port  string
	count atomic.Int32
}

// canary listens on this machine and counts who comes.
func canary(t *testing.T) *listening {
	t.Helper()
	c := &listening{}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.count.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c.port = must(url.Parse(s.URL)).Port()
	return c
}

// resolver is a DNS server in the same process that answers as it is told.
func resolver(t *testing.T, answer func(name string) []string) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serveDNS(theirs, answer)
		return ours, nil
	}}
}

func serveDNS(c net.Conn, answer func(name string) []string) {
	defer c.Close()
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		q := make([]byte, size)
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(q) != nil || len(m.Questions) != 1 {
			return
		}
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		for _, text := range answer(m.Questions[0].Name.String()) {
			ip := netip.MustParseAddr(text)
			head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, Type: m.Questions[0].Type}
			switch {
			case ip.Is4() && head.Type == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: ip.As4()}})
			case ip.Is6() && head.Type == dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
			}
		}
		b, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
			return
		}
	}
}
