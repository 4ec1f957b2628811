package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// scheme is a parsed line.
type scheme interface {
	matches(typed string) (bool, error)
}

// What an imported hash may cost at most: checking it must not stop the house.
const (
	maxBcryptCost = 15
	maxIterations = 5_000_000
	maxMemory     = 256 << 10 // KiB
	maxPasses     = 24
	maxLanes      = 16
)

// parse reads a line in the form that is kept:
//
//	$argon2id$v=19$m=19456,t=2,p=1$salt$key   also argon2i
//	$pbkdf2-sha256$i=600000$salt$key          also -sha512
//	$2b$12$…                                  bcrypt
func parse(line string) (scheme, error) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(line, "$"), "$")
	if !ok || !strings.HasPrefix(line, "$") {
		return nil, errors.New("this is not a password hash")
	}
	switch name {
	case "argon2id", "argon2i":
		return parseArgon2(name, rest)
	case "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2(name, rest)
	case "2a", "2b", "2y":
		cost, err := bcrypt.Cost([]byte(line))
		if err != nil || len(line) != 60 {
			return nil, errors.New("this bcrypt hash is damaged")
		}
		return bcryptHash(line), inside("the cost", cost, bcrypt.MinCost, maxBcryptCost)
	}
	return nil, errors.New("this kind of hash is not known; argon2id, argon2i, bcrypt and PBKDF2 with sha256 or sha512 are")
}

type bcryptHash string

func (h bcryptHash) matches(typed string) (bool, error) {
	b := []byte(typed)
	if len(b) > 72 {
		b = b[:72] // what bcrypt ever looked at
	}
	err := bcrypt.CompareHashAndPassword([]byte(h), b)
	if err == nil || errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return err == nil, nil
	}
	return false, err
}

type pbkdf2Hash struct {
	name       string
	iterations int
	salt, key  []byte
}

func parsePBKDF2(name, rest string) (scheme, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 3 {
		return nil, errors.New("this PBKDF2 hash is damaged: it needs iterations, salt and key")
	}
	h := pbkdf2Hash{name: name}
	var err error
	if h.iterations, err = strconv.Atoi(strings.TrimPrefix(parts[0], "i=")); err != nil {
		return nil, errors.New("this PBKDF2 hash is damaged: the iterations are no number")
	}
	if h.salt, h.key, err = saltAndKey(parts[1], parts[2]); err != nil {
		return nil, err
	}
	return h, inside("the iterations", h.iterations, 1, maxIterations)
}

func (h pbkdf2Hash) matches(typed string) (bool, error) {
	hash := sha256.New
	if h.name == "pbkdf2-sha512" {
		hash = sha512.New
	}
	key, err := pbkdf2.Key(hash, typed, h.salt, h.iterations, len(h.key))
	return same(key, h.key), err
}

func (h pbkdf2Hash) String() string {
	return fmt.Sprintf("$%s$i=%d$%s$%s", h.name, h.iterations, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

type argon2Hash struct {
	name                  string
	memory, passes, lanes int
	salt, key             []byte
}

func parseArgon2(name, rest string) (scheme, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 4 || parts[0] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errors.New("this argon2 hash is damaged or of an old version: v=19, parameters, salt and key are needed")
	}
	h := argon2Hash{name: name}
	if n, err := fmt.Sscanf(parts[1], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); n != 3 || err != nil {
		return nil, errors.New("this argon2 hash is damaged: its parameters are not m=…,t=…,p=…")
	}
	var err error
	if h.salt, h.key, err = saltAndKey(parts[2], parts[3]); err != nil {
		return nil, err
	}
	return h, errors.Join(inside("m", h.memory, 8, maxMemory), inside("t", h.passes, 1, maxPasses), inside("p", h.lanes, 1, maxLanes))
}

func (h argon2Hash) matches(typed string) (bool, error) {
	derive := argon2.IDKey
	if h.name == "argon2i" {
		derive = argon2.Key
	}
	return same(derive([]byte(typed), h.salt, uint32(h.passes), uint32(h.memory), uint8(h.lanes), uint32(len(h.key))), h.key), nil
}

func (h argon2Hash) String() string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", h.name, argon2.Version, h.memory, h.passes, h.lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// saltAndKey reads both parts: standard base64 with or without padding, and the
// alphabet of Passlib, which writes . for +.
func saltAndKey(salt, key string) (s, k []byte, err error) {
	if s, err = decode64(salt); err == nil {
		k, err = decode64(key)
	}
	if err != nil {
		return nil, nil, errors.New("the salt or the key of this hash is not base64")
	}
	return s, k, errors.Join(inside("the length of the salt", len(s), 4, 128), inside("the length of the key", len(k), 16, 128))
}

func decode64(s string) ([]byte, error) {
	return b64.DecodeString(strings.ReplaceAll(strings.TrimRight(s, "="), ".", "+"))
}

func inside(what string, got, least, most int) error {
	if got < least || got > most {
		return fmt.Errorf("%s of this hash is %d and must be between %d and %d", what, got, least, most)
	}
	return nil
}
