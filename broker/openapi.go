package broker

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"github.com/handstamp/handstamp/apidocs"
)

// doorsYAML is the OpenAPI document as people edit it.
//
//go:embed openapi/openapi.yaml
var doorsYAML []byte

// doors is the document as JSON in the order of the file, with its blanks unfilled.
var doors = sync.OnceValues(func() ([]byte, error) {
	raw, err := yaml.YAMLToJSON(doorsYAML)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	return out.Bytes(), nil
})

// openapi describes every door (OpenAPI 3.1), as ready bytes.
func (b *Broker) openapi(c *gin.Context) {
	doc := b.openAPI.Load()
	serve(c, doc.body, doc.etag)
}

// describeDoors fills in our own addresses and the scopes of the settings.
func (b *Broker) describeDoors(d *Directory) (*document, error) {
	body, err := b.filled()
	if err != nil {
		return nil, err
	}
	people, machines := map[string]string{}, map[string]string{}
	for _, name := range d.ScopesSupported() {
		scope, _ := d.Scope(name)
		people[name] = scope.Description
	}
	for _, r := range d.Resources() {
		for _, scope := range r.Scopes {
			machines[scope.Name] = scope.Description
		}
	}
	for blank, scopes := range map[string]map[string]string{`{"{scopes}":""}`: people, `{"{machineScopes}":""}`: machines} {
		list, err := json.Marshal(scopes)
		if err != nil {
			return nil, err
		}
		body = bytes.ReplaceAll(body, []byte(blank), list)
	}
	return newDocument(body), nil
}

// filled is the document with our own addresses. Only settings speak, never a header.
func (b *Broker) filled() ([]byte, error) {
	body, err := doors()
	if err != nil {
		return nil, err
	}
	for blank, value := range map[string]string{"{issuer}": b.name, "{origin}": b.origin(), "{base}": strings.TrimSuffix(b.issuer.Path, "/")} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		body = bytes.ReplaceAll(body, []byte(blank), text[1:len(text)-1])
	}
	return body, nil
}

func (b *Broker) origin() string { return b.issuer.Scheme + "://" + b.issuer.Host }

// Docs is the page that shows the document to people.
type Docs struct {
	ClientID string // a public client of ours that Authorize signs in with, or ""
}

// openDocs makes that page. Its scripts may call what programs call, door by door:
// never a page for people, although those are of the same origin.
func (b *Broker) openDocs(o *Docs) error {
	if o == nil {
		return nil
	}
	body, err := b.filled()
	if err != nil {
		return err
	}
	callable, connect, err := b.callable(body)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(b.issuer.Path, "/")
	b.docs, err = apidocs.New(apidocs.Options{Path: base + "/docs", Document: base + "/openapi.json", Title: "Handstamp: documentation of the API",
		ClientID: o.ClientID, Scopes: []string{"openid", "profile", "email"}, Issuer: b.name, Callable: callable, Connect: connect})
	return err
}

// callable lists the operations for programs, and their addresses.
func (b *Broker) callable(body []byte) (operations, addresses []string, err error) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, nil, err
	}
	for path, item := range doc.Paths {
		root := b.name
		if item["servers"] != nil {
			root = b.origin()
		}
		for method := range item {
			var op struct {
				Tags []string `json:"tags"`
			}
			if method != "get" && method != "post" || strings.Contains(path, "{") || path == "/docs" {
				continue
			}
			if err := json.Unmarshal(item[method], &op); err != nil {
				return nil, nil, err
			}
			if slices.ContainsFunc(op.Tags, func(tag string) bool { return tag == "tokens" || tag == "for everyone" || tag == "running" }) {
				operations, addresses = append(operations, strings.ToUpper(method)+" "+path), append(addresses, root+path)
			}
		}
	}
	slices.Sort(operations)
	slices.Sort(addresses)
	return operations, slices.Compact(addresses), nil
}

// documentation shows the page, its files, and where Authorize comes back to.
func (b *Broker) documentation(c *gin.Context) error {
	if b.docs == nil {
		return notFound(c)
	}
	b.docs.ServeHTTP(c.Writer, c.Request)
	return nil
}
