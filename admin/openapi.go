package admin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/goccy/go-yaml"
)

// openapiYAML is the description of the API as people edit it.
//
//go:embed openapi.yaml
var openapiYAML []byte

var openapiJSON = sync.OnceValues(func() ([]byte, error) {
	raw, err := yaml.YAMLToJSON(openapiYAML)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	return out.Bytes(), nil
})

// describe fills in our own addresses. Only settings speak, never a header.
func (s *Server) describe() error {
	doc, err := openapiJSON()
	if err != nil {
		return err
	}
	for blank, value := range map[string]string{"{admin}": s.url.Scheme + "://" + s.url.Host, "{issuer}": s.issuer} {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		doc = bytes.ReplaceAll(doc, []byte(blank), text[1:len(text)-1])
	}
	s.described = doc
	return nil
}

// openAPI describes every route (OpenAPI 3.1), as ready bytes.
func (s *Server) openAPI(c *call) error {
	c.gin.Data(http.StatusOK, "application/json", s.described)
	return nil
}
