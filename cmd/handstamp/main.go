// Command handstamp is the roof: it turns settings into running rooms.
//
//	handstamp dev      everything on this machine: broker, pretend upstreams, sample app and API
//	handstamp pretend  a pretend Google, Okta or Auth0 alone
//	handstamp serve    the broker, from a settings file
//	handstamp plan, apply, history, rollback, export   the directory and its revisions
//	handstamp check    what is wrong with a settings file, and which upstreams answer
//	handstamp test     whether the rules do what their tests say
//	handstamp explain  why a login, or given claims, lead to given roles and scopes
//	handstamp logins   who signed in, and why somebody could not
//	handstamp users    people: who they are, where they are signed in, what they may do
//	handstamp clients  apps and machines, and their secrets
//	handstamp admin    who administers, and the way in when nobody can
//	handstamp audit    who did what
//	handstamp keys     the keys that sign tokens
//	handstamp restored what to say after a backup was put in place
//
// One file a verb. Only this package imports configs, and only here are sockets,
// signals and log formats chosen.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes the command line and returns the exit code: 0, 1 for a failure, or
// what the verb chose.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := program()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(os.Stderr, "handstamp:", words(err))
	return 1
}

// program is every verb.
func program() *cobra.Command {
	root := &cobra.Command{Use: "handstamp", Short: "Sign in once at the door; every room inside trusts the stamp.",
		SilenceUsage: true, SilenceErrors: true, Version: version()}
	root.AddCommand(serveCmd(), devCmd(), pretendCmd(), checkCmd(), planCmd(), applyCmd(), historyCmd(), rollbackCmd(), exportCmd(), testCmd(), explainCmd(), loginsCmd(), usersCmd(), clientsCmd(),
		adminCmd(), auditCmd(), keysCmd(), restoredCmd())
	spelled(root)
	return root
}

// words are what a person reads of an error.
func words(err error) string {
	var told *advised
	if errors.As(err, &told) {
		return words(told.error) + "\n" + told.advice
	}
	var refused *api.Problem
	if errors.As(err, &refused) {
		return tellProblem(refused)
	}
	return err.Error()
}

// exitCode ends the process with a code of its own; the verb has said why.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v
}
