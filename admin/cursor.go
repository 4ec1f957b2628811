package admin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/handstamp/handstamp/admin/api"
)

const (
	usualLimit = 50
	mostLimit  = 200
)

// place is where a page of a list begins. A caller holds it sealed, so that nobody can
// make one up, and it fits one list with one set of filters only (A07).
type place struct {
	Before string `json:"b,omitempty"` // a storage cursor
	Number int64  `json:"n,omitempty"` // a revision

	// Of lists of the directory, which may change between two pages: the last names of
	// the page, and where the last stood in case that they are all gone.
	After []string `json:"a,omitempty"`
	Index int      `json:"i,omitempty"`
}

// remembered is how many names a place keeps.
const remembered = 5

// begin is where a page begins in a list as it is now.
func begin[T any](at place, all []T, name func(*T) string) int {
	for back, last := range slices.Backward(at.After) {
		gone := len(at.After) - 1 - back
		if i := at.Index - 1 - gone; gone == 0 && i >= 0 && i < len(all) && name(&all[i]) == last {
			return i + 1 // nothing moved
		}
		if i := slices.IndexFunc(all, func(one T) bool { return name(&one) == last }); i >= 0 {
			return i + 1
		}
	}
	return min(max(at.Index-len(at.After), 0), len(all))
}

// after is the place behind one more item.
func (at place) after(name string, index int) place {
	names := append(slices.Clone(at.After), name)
	return place{After: names[max(0, len(names)-remembered):], Index: index + 1}
}

// limit is how many items a page has.
func (c *call) limit() (int, error) {
	text := c.query("limit")
	if text == "" {
		return usualLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostLimit || strconv.Itoa(n) != text {
		return 0, badRequest("limit is a number from 1 to %d", mostLimit)
	}
	return n, nil
}

// place opens the cursor of the request; the zero place is the first page.
func (c *call) place() (place, error) {
	var at place
	text := c.query("cursor")
	if text == "" {
		return at, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		var plain []byte
		if plain, err = c.server.sealer.Open(cursorPurpose, c.list(), sealed); err == nil {
			err = json.Unmarshal(plain, &at)
		}
	}
	if err != nil {
		return at, problem(http.StatusBadRequest, api.BadCursor, "take next from the page before, and keep the other parameters as they were")
	}
	return at, nil
}

const cursorPurpose = "admin cursor"

// next seals where the next page begins.
func (c *call) next(at place) string {
	plain, err := json.Marshal(at)
	if err != nil {
		panic(err) // texts and numbers
	}
	return base64.RawURLEncoding.EncodeToString(c.server.sealer.Seal(cursorPurpose, c.list(), plain))
}

// before is place for lists of storage.
func (c *call) before() (string, error) {
	at, err := c.place()
	return at.Before, err
}

// nextBefore is next for lists of storage, whose last page has no next.
func (c *call) nextBefore(next string) string {
	if next == "" {
		return ""
	}
	return c.next(place{Before: next})
}

// list names the list with its filters.
func (c *call) list() []byte {
	name := c.route.method + " " + c.gin.Request.URL.Path
	for _, p := range c.route.parameters() {
		if p != "cursor" && p != "limit" {
			name += "\x00" + p + "\x00" + c.query(p)
		}
	}
	return []byte(name)
}
