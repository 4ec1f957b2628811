package providers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// addressPolicy says which addresses may be dialled. It judges the address that
// the socket is about to connect to, after every parser and resolver had its say.
type addressPolicy struct{ loopback, private bool }

// blockedAddress is why a dial was refused.
type blockedAddress struct {
	ip  netip.Addr
	why string
}

func (b *blockedAddress) Error() string { return fmt.Sprintf("%s is %s", b.ip, b.why) }

// control is net.Dialer's hook: it runs once per address, before connect.
func (p addressPolicy) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("dial %s: only TCP is allowed", network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %q: not an address", address)
	}
	return p.check(ap.Addr())
}

func (p addressPolicy) check(ip netip.Addr) error {
	if ip.Zone() != "" {
		return &blockedAddress{ip, "tied to one network interface"}
	}
	ip = innermost(ip)
	for _, c := range addressClasses {
		if !c.prefix.Contains(ip) {
			continue
		}
		if c.may == anybody || c.may == ifLoopback && p.loopback || c.may == ifPrivate && p.private {
			return nil
		}
		return &blockedAddress{ip, c.what}
	}
	return &blockedAddress{ip, "outside the public internet"}
}

// innermost takes an IPv4 address out of the IPv6 forms that a gateway, or the
// kernel, would take it out of (RFC 4291 §2.5.5.2, RFC 6052, RFC 3056).
func innermost(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if !ip.Is6() {
		return ip
	}
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

type may int

const (
	nobody may = iota
	ifLoopback
	ifPrivate
	anybody
)

// addressClasses follow the IANA special-purpose registries (RFC 6890 and later);
// the first prefix that holds an address decides.
var addressClasses = []struct {
	prefix netip.Prefix
	may    may
	what   string
}{
	// Where clouds answer anybody on the machine with its credentials.
	{netip.MustParsePrefix("169.254.0.0/16"), nobody, "link-local"},
	{netip.MustParsePrefix("100.100.100.200/32"), nobody, "a cloud's metadata service"},
	{netip.MustParsePrefix("168.63.129.16/32"), nobody, "a cloud's metadata service"},
	{netip.MustParsePrefix("fd00:ec2::/32"), nobody, "a cloud's metadata service"},
	{netip.MustParsePrefix("fd20:ce::254/128"), nobody, "a cloud's metadata service"},

	{netip.MustParsePrefix("127.0.0.0/8"), ifLoopback, "this machine"},
	{netip.MustParsePrefix("::1/128"), ifLoopback, "this machine"},

	{netip.MustParsePrefix("10.0.0.0/8"), ifPrivate, "in a private network"},
	{netip.MustParsePrefix("172.16.0.0/12"), ifPrivate, "in a private network"},
	{netip.MustParsePrefix("192.168.0.0/16"), ifPrivate, "in a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), ifPrivate, "in a carrier's network"},
	{netip.MustParsePrefix("fc00::/7"), ifPrivate, "in a private network"},

	{netip.MustParsePrefix("0.0.0.0/8"), nobody, "unspecified"},
	{netip.MustParsePrefix("192.0.0.0/24"), nobody, "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), nobody, "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), nobody, "reserved"},
	{netip.MustParsePrefix("198.18.0.0/15"), nobody, "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), nobody, "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), nobody, "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), nobody, "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), nobody, "reserved"},
	{netip.MustParsePrefix("0.0.0.0/0"), anybody, ""},

	{netip.MustParsePrefix("2001::/23"), nobody, "reserved"}, // Teredo, benchmarks, ORCHID
	{netip.MustParsePrefix("2001:db8::/32"), nobody, "for documentation"},
	{netip.MustParsePrefix("3fff::/20"), nobody, "for documentation"},
	{netip.MustParsePrefix("2000::/3"), anybody, ""},
	// All other IPv6 is outside global unicast: link-local, site-local, multicast, mapped.
}

// Forbidden tells whether a request of NewClient's client was not made, or an answer not
// followed, because of where it led: an address that may not be called, plain http, a host
// that was not approved, a redirect.
func Forbidden(err error) bool {
	var blocked *blockedAddress
	var status *statusError
	return errors.As(err, &blocked) || errors.Is(err, errPlain) || errors.Is(err, errForeignHost) ||
		errors.As(err, &status) && status.status >= 300 && status.status < 400
}
