package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A script's slip must not end as if all were well.
func TestEveryVerbRefusesAWordAndAFlagThatItDoesNotKnow(t *testing.T) {
	tried := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := strings.Fields(cmd.CommandPath())[1:]
		for _, more := range [][]string{{"a-word-of-nobody", "and-another"}, {"--flag-of-nobody"}} {
			if cmd.Name() == "help" || cmd.DisableFlagParsing {
				continue
			}
			tried++
			if out, err := verb(t, program(), append(args, more...)...); err == nil {
				t.Errorf("handstamp %s %s is taken for good:\n%s", strings.Join(args, " "), strings.Join(more, " "), out)
			} else if told := err.Error(); strings.Contains(told, "unknown") || strings.Contains(told, "arg(s)") {
				t.Errorf("handstamp %s %s: %s", strings.Join(args, " "), strings.Join(more, " "), told)
			}
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(program())
	if tried < 80 {
		t.Errorf("only %d were tried", tried)
	}
}
