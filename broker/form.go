package broker

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/oauth"
)

// readForm reads an application/x-www-form-urlencoded body and nothing else: no
// multipart parser can be reached, no parameter given twice, nothing from the query.
func readForm(c *gin.Context) (url.Values, *oauth.Error) {
	kind, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oauth.E(oauth.InvalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	if charset := params["charset"]; charset != "" && !isUTF8(charset) {
		return nil, oauth.E(oauth.InvalidRequest, "the body must be UTF-8")
	}
	body, err := readAll(c)
	if err != nil {
		e := oauth.E(oauth.InvalidRequest, "the body is too large or could not be read").Because(err)
		e.Status = http.StatusRequestEntityTooLarge
		return nil, e
	}
	return oauth.ParseForm(body, maxParams)
}

// maxParams is more than any honest request carries.
const maxParams = 40

func readAll(c *gin.Context) (string, error) {
	if c.Request.ContentLength > maxForm {
		return "", reason("the body is larger than 64 KiB")
	}
	body, err := io.ReadAll(c.Request.Body) // bounded at the entrance
	return string(body), err
}

func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
