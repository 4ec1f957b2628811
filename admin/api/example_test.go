package api_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// A script registers an app: it plans, looks, and applies what it planned from.
func ExampleClient() {
	ctx, token := context.Background(), "…" // by client_credentials, for the resource urn:handstamp:admin
	c := api.New("https://admin.example.com", &http.Client{Transport: api.Bearer(token, nil)})

	now, err := c.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	app := directory.Client{ID: "shop", RedirectURIs: []string{"https://shop.example.com/callback"}}
	plan, err := c.Plan(ctx, api.PlanRequest{Edits: []api.Edit{{Op: "put", Kind: directory.KindClient, Client: &app}}})
	if err != nil || len(plan.Problems) > 0 {
		fmt.Println(err, plan)
		return
	}
	done, err := c.AddClient(ctx, app, api.ChangeOptions{IfMatch: now.Revision, Reason: "the shop opens"})
	if api.IsConflict(err) {
		fmt.Println("somebody was faster: look again")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("revision", done.Revision, "the secret, this once:", done.Secrets[0].Secret)
}

// A name that may have any character stands in a path as its key.
func ExampleKey() {
	fmt.Println(api.Base + "/resources/" + api.Key("https://items.example.com"))
	// Output: /api/v1/resources/aHR0cHM6Ly9pdGVtcy5leGFtcGxlLmNvbQ
}
