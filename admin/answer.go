package admin

import (
	"io"
	"time"
)

// page reads where a page of a list of storage begins, and how long it is.
func (c *call) page() (limit int, before string, err error) {
	if limit, err = c.limit(); err != nil {
		return 0, "", err
	}
	before, err = c.before()
	return limit, before, err
}

// span reads the parameters since and until; zero where they are not given.
func (c *call) span() (since, until time.Time, err error) {
	if since, err = c.moment("since"); err != nil {
		return since, until, err
	}
	until, err = c.moment("until")
	return since, until, err
}

// attach names the file as which a browser keeps the answer.
func (c *call) attach(name string) {
	c.gin.Header("Content-Disposition", `attachment; filename="`+name+`"`)
}

// stream begins an answer that is written in pieces.
func (c *call) stream(kind string) io.Writer {
	c.gin.Header("Content-Type", kind)
	return c.gin.Writer
}
