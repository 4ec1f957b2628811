package storage

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxDocument bounds a directory's document.
const maxDocument = 64 << 20

// pack makes a short text of a long one: deflated, in base64.
func pack(plain []byte) (string, error) {
	var text strings.Builder
	encoder := base64.NewEncoder(base64.RawStdEncoding, &text)
	z, err := flate.NewWriter(encoder, flate.DefaultCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(plain); err != nil {
		return "", err
	}
	if err := errors.Join(z.Close(), encoder.Close()); err != nil {
		return "", err
	}
	return text.String(), nil
}

// unpack gives back what pack was given, as long as it has at most so many bytes.
func unpack(text string, most int) ([]byte, error) {
	z := flate.NewReader(base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(text)))
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.LimitReader(z, int64(most)+1)); err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	if out.Len() > most {
		return nil, fmt.Errorf("inflate: there are more than %d bytes", most)
	}
	return out.Bytes(), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// mostPerPage bounds a page of a list, whatever its caller asks for.
const mostPerPage = 1000

func pageSize(asked int) int {
	if asked <= 0 {
		return 50
	}
	return min(asked, mostPerPage)
}
