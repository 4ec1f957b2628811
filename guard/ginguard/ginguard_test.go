package ginguard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/ginguard"
	"github.com/handstamp/handstamp/guard/guardtest"
)

func init() { gin.SetMode(gin.ReleaseMode) }

const audience = "https://api.example"

func TestGinAnswersLikeNetHTTP(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	after := 0
	r := gin.New()
	r.GET("/items", ginguard.Require(g, "items:read"), func(c *gin.Context) {
		after++
		token, ok := ginguard.From(c)
		below, also := guard.From(c.Request.Context())
		if !ok || !also || token != below {
			t.Error("the token is not where it should be")
		}
		c.String(200, "%s", token.Subject)
	})
	plain := g.Require("items:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := guard.From(r.Context())
		fmt.Fprint(w, token.Subject)
	}))
	for why, authorization := range map[string]string{
		"nothing":       "",
		"malformed":     "Bearer a b",
		"rubbish":       "Bearer rubbish",
		"without scope": "Bearer " + issuer.Token("usr_alice", "items:write"),
		"expired":       "Bearer " + issuer.Token("usr_alice", "items:read", guardtest.Expired()),
		"good":          "Bearer " + issuer.Token("usr_alice", "items:read"),
	} {
		req := httptest.NewRequest("GET", "/items", nil)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		a, b := httptest.NewRecorder(), httptest.NewRecorder()
		r.ServeHTTP(a, req)
		plain.ServeHTTP(b, req)
		if a.Code != b.Code || a.Body.String() != b.Body.String() || a.Header().Get("WWW-Authenticate") != b.Header().Get("WWW-Authenticate") {
			t.Errorf("%s: gin %d %s %v, net/http %d %s %v", why, a.Code, a.Body, a.Header(), b.Code, b.Body, b.Header())
		}
	}
	if after != 1 {
		t.Errorf("the handler ran %d times: a refusal must abort", after)
	}
}

func TestGinAsksForAStrongSignInLikeNetHTTP(t *testing.T) {
	issuer := guardtest.New(t)
	g := issuer.Guard(audience)
	needs := []guard.Need{guard.Scopes("items:write"), guard.MaxAge(5 * time.Minute), guard.ACR("phr")}
	ran := 0
	r := gin.New()
	r.DELETE("/items", ginguard.RequireAuth(g, needs...), func(c *gin.Context) { ran++; c.Status(204) })
	plain := g.RequireAuth(needs...)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for why, token := range map[string]string{
		"old":  issuer.Token("u", "items:write", guardtest.ACR("phr"), guardtest.SignedInAgo(time.Hour)),
		"weak": issuer.Token("u", "items:write"),
		"good": issuer.Token("u", "items:write", guardtest.ACR("phr")),
	} {
		req := httptest.NewRequest("DELETE", "/items", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		a, b := httptest.NewRecorder(), httptest.NewRecorder()
		r.ServeHTTP(a, req)
		plain.ServeHTTP(b, req)
		if a.Code != b.Code || (a.Code == 204) != (why == "good") || a.Header().Get("WWW-Authenticate") != b.Header().Get("WWW-Authenticate") {
			t.Errorf("%s: gin %d %v, net/http %d %v", why, a.Code, a.Header(), b.Code, b.Header())
		}
	}
	if ran != 1 {
		t.Errorf("the handler ran %d times: a refusal must abort", ran)
	}
}

func TestWithoutRequireThereIsNoToken(t *testing.T) {
	r := gin.New()
	r.GET("/", func(c *gin.Context) {
		if _, ok := ginguard.From(c); ok {
			t.Error("a token out of nothing")
		}
	})
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func Example() {
	g, err := guard.New("https://id.example", audience)
	if err != nil {
		panic(err)
	}
	r := gin.New()
	items := r.Group("/items")
	items.GET("", ginguard.Require(g, "items:read"), func(c *gin.Context) {
		token, _ := ginguard.From(c)
		c.JSON(http.StatusOK, gin.H{"owner": token.Subject})
	})
	items.POST("", ginguard.Require(g, "items:write"), func(c *gin.Context) { c.Status(http.StatusCreated) })

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/items", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="https://api.example", scope="items:read"
}
