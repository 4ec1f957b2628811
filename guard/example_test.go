package guard_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/handstamp/handstamp/guard"
	"github.com/handstamp/handstamp/guard/guardtest"
	"github.com/handstamp/handstamp/tokens"
)

// A whole API: two routes, one scope each, and a readiness probe.
func Example() {
	g, err := guard.New("https://id.example", "https://api.example")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /items", g.Require("items:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := guard.From(r.Context()) // always there behind Require
		fmt.Fprintf(w, "items of %s\n", token.Subject)
	})))
	mux.Handle("POST /items", g.Require("items:write")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
	})))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := g.Ready(r.Context()); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	log.Fatal((&http.Server{Addr: ":8081", Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe())
}

func ExampleNew() {
	g, err := guard.New("https://id.example", "https://api.example", guard.WithLeeway(10*time.Second))
	fmt.Println(g != nil, err)
	_, err = guard.New("http://id.example", "https://api.example")
	fmt.Println(err)
	// Output:
	// true <nil>
	// guard: issuer "http://id.example" must be https: plain http is for loopback only, or anybody on the way could swap the keys
}

func ExampleGuard_Require() {
	issuer := guardtest.New(exampleTB{})
	g := issuer.Guard("https://api.example")
	h := g.Require("items:write")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "written")
	}))

	for _, scopes := range []string{"items:read", "items:read items:write"} {
		r := httptest.NewRequest("POST", "/items", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token("usr_alice", scopes))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
		fmt.Println(w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 403 {"error":"insufficient_scope","error_description":"the access token does not have the scopes that this needs"}
	//
	// Bearer realm="https://api.example", error="insufficient_scope", error_description="the access token does not have the scopes that this needs", scope="items:write"
	// 200 written
}

func ExampleFrom() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		token, ok := guard.From(r.Context())
		if !ok {
			http.Error(w, "this route is not guarded", http.StatusInternalServerError)
			return
		}
		if r.Method == "DELETE" && !token.HasRole("editor") {
			http.Error(w, "editors only", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "hello %s from %v", token.Subject, token.Claims["department"])
	}

	// In a test of the handler alone, put the token there by hand.
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(guard.NewContext(r.Context(), &guard.Token{Subject: "usr_alice", Claims: map[string]any{"department": "press"}}))
	w := httptest.NewRecorder()
	handler(w, r)
	fmt.Println(w.Body)
	// Output: hello usr_alice from press
}

// Where there is no *http.Request, as in gRPC or a message queue.
func ExampleGuard_Verify() {
	issuer := guardtest.New(exampleTB{})
	g := issuer.Guard("https://api.example")
	check := func(raw string) string {
		token, err := g.Verify(context.Background(), raw)
		switch {
		case errors.Is(err, tokens.ErrExpired):
			return "unauthenticated: get a new token"
		case errors.Is(err, tokens.ErrInvalid):
			return "unauthenticated"
		case err != nil: // guard.ErrKeysUnavailable
			return "unavailable: try again"
		case !token.HasScope("items:read"):
			return "permission denied"
		}
		return "hello " + token.Subject
	}
	fmt.Println(check(issuer.Token("usr_alice", "items:read")))
	fmt.Println(check(issuer.Token("usr_alice", "items:read", guardtest.Expired())))
	fmt.Println(check(issuer.Token("usr_alice", "")))
	// Output:
	// hello usr_alice
	// unauthenticated: get a new token
	// permission denied
}

// Another framework: ask the Checker, and let the Refusal answer.
func ExampleGuard_Checker() {
	issuer := guardtest.New(exampleTB{})
	check := issuer.Guard("https://api.example").Checker("items:read")

	r := httptest.NewRequest("GET", "/items", nil)
	_, refusal := check(r)
	fmt.Println(refusal.Status, refusal.Challenge)

	r.Header.Set("Authorization", "Bearer "+issuer.Token("usr_alice", "items:read"))
	token, _ := check(r)
	fmt.Println(token.Subject)
	// Output:
	// 401 Bearer realm="https://api.example", scope="items:read"
	// usr_alice
}

// exampleTB stands for the t of a test.
type exampleTB struct{}

func (exampleTB) Helper() {}

func (exampleTB) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

// A route for machines only, such as a nightly job's. Scopes decide what may be done;
// Machine tells that nobody stands behind it.
func ExampleToken_Machine() {
	issuer := guardtest.New(exampleTB{})
	g := issuer.Guard("https://api.example")
	h := g.Require("items:write")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := guard.From(r.Context())
		if !token.Machine() {
			http.Error(w, "machines only", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "imported by %s\n", token.Subject)
	}))

	for _, raw := range []string{issuer.MachineToken("nightly", "items:write"), issuer.Token("usr_alice", "items:write")} {
		r := httptest.NewRequest("POST", "/import", nil)
		r.Header.Set("Authorization", "Bearer "+raw)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 imported by client:nightly
	// 403 machines only
}
