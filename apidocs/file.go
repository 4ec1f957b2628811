package apidocs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// file is one ready answer.
type file struct {
	body       []byte
	kind       string
	page       bool // for a person to look at: never cached
	compressed bool // body is gzip
}

// keep stores a file under its name and the hash of its content, and returns the
// address at which browsers find it.
func (p *Page) keep(name string, f file) string {
	sum := sha256.Sum256(f.body)
	base, ext, _ := strings.Cut(name, ".")
	at := "/" + base + "-" + hex.EncodeToString(sum[:8]) + "." + ext
	p.files[at] = f
	return p.path + at
}

// compressed keeps one of Swagger UI's files, which stay compressed in memory.
func (p *Page) compressed(name, kind string) (string, error) {
	body, err := files.ReadFile("swagger/" + name + ".gz")
	if err != nil {
		return "", fmt.Errorf("documentation: %w", err)
	}
	return p.keep(name, file{body: body, kind: kind, compressed: true}), nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3) as far as browsers use it: gzip
// is named, and not with the weight zero.
func acceptsGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		name, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}

// unzip is for the rare client that takes no gzip. What is embedded was made by us.
func unzip(body []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return plain
}
