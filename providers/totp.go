package providers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 codes are HMAC-SHA-1 in every authenticator app
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Time-based one-time codes as every authenticator app makes them: RFC 6238 with
// SHA-1, six digits and thirty seconds.
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSkew   = 1 // steps that a clock may be off, each way
)

var base32Code = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTP draws the secret of a second factor (RFC 4226 §4: 160 bits).
func NewTOTP() string {
	secret := make([]byte, 20)
	rand.Read(secret)
	return base32Code.EncodeToString(secret)
}

// TOTPLink is what an authenticator app reads, as a link or behind a QR code.
func TOTPLink(house, login, secret string) string {
	q := url.Values{"secret": {secret}, "issuer": {house}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(house+":"+login) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// ParseTOTP reads a secret as people and exports write it, and gives it in one form.
func ParseTOTP(text string) (secret string, err error) {
	secret = strings.TrimRight(strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text)), "=")
	raw, err := base32Code.DecodeString(secret)
	if err != nil || len(raw) < 10 || len(raw) > 64 {
		return "", errors.New("the secret of the second factor is not 10 to 64 bytes in base32")
	}
	return secret, nil
}

// matchTOTP finds the time step that a code belongs to. Every step is compared, so
// that the time it takes tells nothing.
func matchTOTP(secret, code string, now time.Time) (step int64, ok bool) {
	key, err := base32Code.DecodeString(secret)
	if err != nil {
		return 0, false
	}
	current := now.Unix() / int64(totpStep.Seconds())
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(totp(key, s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// totp is the code of one step (RFC 4226 §5.3).
func totp(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}
