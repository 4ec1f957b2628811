// Package ginguard puts a guard in front of gin handlers. It adds nothing of its
// own: the same tokens get through, and refusals look the same as with net/http.
//
//	r.GET("/items", ginguard.Require(g, "items:read"), listItems)
package ginguard

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/guard"
)

// Require lets a request through when it bears a valid token with all of scopes,
// and answers and aborts it otherwise. Like guard.Require it panics, at start, on
// a scope that is none.
func Require(g *guard.Guard, scopes ...string) gin.HandlerFunc { return handler(g.Checker(scopes...)) }

// RequireAuth is guard.RequireAuth for gin: with guard.MaxAge and guard.ACR it also
// asks for a sign-in that is young or strong enough.
//
//	r.DELETE("/items", ginguard.RequireAuth(g, guard.Scopes("items:write"), guard.MaxAge(5*time.Minute)), deleteItems)
func RequireAuth(g *guard.Guard, needs ...guard.Need) gin.HandlerFunc {
	return handler(g.AuthChecker(needs...))
}

func handler(check func(*http.Request) (*guard.Token, *guard.Refusal)) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, refusal := check(c.Request)
		if refusal != nil {
			refusal.Write(c.Writer)
			c.Abort()
			return
		}
		c.Request = c.Request.WithContext(guard.NewContext(c.Request.Context(), token))
		c.Next()
	}
}

// From returns the token of a request that Require let through. It is also found
// with guard.From in the request's context, so that code below the handlers needs no gin.
func From(c *gin.Context) (*guard.Token, bool) { return guard.From(c.Request.Context()) }
