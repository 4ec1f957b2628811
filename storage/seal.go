package storage

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Sealer encrypts what must be read back: AES-256-GCM under a subkey for each
// purpose. The first key seals, all keys open, so a key can be replaced while
// the book is in use.
//
//	sealed = version (1) ‖ key id (8) ‖ nonce (12) ‖ ciphertext and tag
//
// The header is authenticated too. Nonces are random, which is safe for 2³²
// values of one purpose under one key.
type Sealer struct {
	keys []sealingKey
	subs sync.Map // subkey → cipher.AEAD
}

type sealingKey struct {
	id  [keyIDSize]byte
	key []byte
}

type subkey struct {
	id      [keyIDSize]byte
	purpose string
}

const (
	sealVersion = 1
	keyIDSize   = 8
	headerSize  = 1 + keyIDSize
	nonceSize   = 12
	keySize     = 32
)

// NewSealer takes the sealing keys, 32 random bytes each: the first seals.
func NewSealer(keys ...[]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("a sealing key is needed")
	}
	s := &Sealer{}
	for i, k := range keys {
		if len(k) != keySize {
			return nil, fmt.Errorf("sealing key %d has %d bytes instead of %d", i+1, len(k), keySize)
		}
		if bytes.Equal(k, make([]byte, keySize)) {
			return nil, fmt.Errorf("sealing key %d is all zero", i+1)
		}
		sum := sha256.Sum256(append([]byte("handstamp sealing key id\x00"), k...))
		key := sealingKey{key: bytes.Clone(k)}
		copy(key.id[:], sum[:])
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// String keeps keys out of every log.
func (s *Sealer) String() string { return "[redacted sealer]" }

// GoString keeps keys out of %#v.
func (s *Sealer) GoString() string { return s.String() }

// Seal encrypts plain. The purpose picks the subkey; aad says where the value
// belongs, and the value opens only there.
func (s *Sealer) Seal(purpose string, aad, plain []byte) []byte {
	out := make([]byte, headerSize+nonceSize, headerSize+nonceSize+len(plain)+16)
	out[0] = sealVersion
	copy(out[1:], s.keys[0].id[:])
	nonce := out[headerSize : headerSize+nonceSize]
	rand.Read(nonce) // never fails since Go 1.24: the program ends instead
	return s.aead(s.keys[0], purpose).Seal(out, nonce, plain, bindHeader(out[:headerSize], aad))
}

// Open decrypts what Seal made for the same purpose and place; otherwise ErrSealed.
func (s *Sealer) Open(purpose string, aad, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize+nonceSize+16 || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	for _, k := range s.keys {
		if !bytes.Equal(k.id[:], sealed[1:headerSize]) {
			continue
		}
		nonce, rest := sealed[headerSize:headerSize+nonceSize], sealed[headerSize+nonceSize:]
		plain, err := s.aead(k, purpose).Open(nil, nonce, rest, bindHeader(sealed[:headerSize], aad))
		if err != nil {
			return nil, ErrSealed
		}
		return plain, nil
	}
	return nil, ErrSealed
}

// aead returns the cipher of a purpose. Purposes are words of this program, so
// the cache is bounded.
func (s *Sealer) aead(k sealingKey, purpose string) cipher.AEAD {
	name := subkey{k.id, purpose}
	if a, ok := s.subs.Load(name); ok {
		return a.(cipher.AEAD)
	}
	key, err := hkdf.Key(sha256.New, k.key, nil, "handstamp seal "+purpose, keySize)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for wrong key lengths
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for odd block sizes
	}
	a, _ := s.subs.LoadOrStore(name, gcm)
	return a.(cipher.AEAD)
}

func bindHeader(header, aad []byte) []byte {
	return append(append(make([]byte, 0, len(header)+len(aad)), header...), aad...)
}

// place is the additional data of a column: table ‖ id ‖ column, each with its
// length, so that no two places look alike.
func place(table, id, column string) []byte {
	out := make([]byte, 0, len(table)+len(id)+len(column)+6)
	for _, part := range []string{table, id, column} {
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return out
}

const columnPurpose = "column"

// sealColumn gives the text that a sealed column holds.
func (s *Sealer) sealColumn(table, id, column string, plain []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.Seal(columnPurpose, place(table, id, column), plain))
}

// openColumn reads a sealed column; the error names the place, never the value.
func (s *Sealer) openColumn(table, id, column, text string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		var plain []byte
		if plain, err = s.Open(columnPurpose, place(table, id, column), sealed); err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: %s.%s", ErrSealed, table, column)
}

// keyPrefix is how a column sealed with the first key begins: version and key id
// are nine bytes, which base64 spells as exactly twelve characters.
func (s *Sealer) keyPrefix() string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{sealVersion}, s.keys[0].id[:]...))
}

// keyID names the first key.
func (s *Sealer) keyID() string { return base64.RawURLEncoding.EncodeToString(s.keys[0].id[:]) }

// SealingKeyFile reads the sealing key in a file, or makes the file with a new
// one. The file holds 32 bytes in base64 and nobody but its owner may read it.
func SealingKeyFile(path string) (key []byte, created bool, err error) {
	key, err = readKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key = make([]byte, keySize)
	rand.Read(key)
	if err := writeKeyFile(path, key); err != nil {
		if errors.Is(err, fs.ErrExist) { // somebody else made it meanwhile
			key, err = readKeyFile(path)
			return key, false, err
		}
		return nil, false, fmt.Errorf("make the sealing key file: %w", err)
	}
	return key, true, nil
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the sealing key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the sealing key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the sealing key file %s is not a regular file", path)
	}
	if checksModes && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the sealing key file %s has mode %04o: others could read it; run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return nil, fmt.Errorf("read the sealing key file: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("the sealing key file %s does not hold %d bytes in base64", path, keySize)
	}
	return key, nil
}

// writeKeyFile makes the file in one step and on disk: a crash must not leave half a
// key, and what is sealed with it must not outlive it.
func writeKeyFile(path string, key []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".sealing-key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike Rename, never replaces a key
		return err
	}
	return syncDir(dir)
}
