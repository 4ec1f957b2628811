package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// oneArg accepts one word after the verb, and otherwise shows how the verb is used.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return fmt.Errorf("one word is wanted after %s, not %d: %s", cmd.CommandPath(), len(args), cmd.UseLine())
}

// onlyConfig accepts no word after the verb: the settings file, which many write
// there, goes after -c.
func onlyConfig(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("the settings file is named with -c: %s -c %s", cmd.CommandPath(), args[0])
}
