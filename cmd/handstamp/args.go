package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/mapping"
)

// What somebody typed that no verb understands: each answer says what was meant to stand
// there, and none of them ends as if all were well.

// spelled makes every command of the tree answer so.
func spelled(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(flagFault)
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return required(cmd) }
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		if cmd.HasSubCommands() && !cmd.Runnable() {
			cmd.Args, cmd.RunE = cobra.ArbitraryArgs, oneOfThese
		}
		for _, below := range cmd.Commands() {
			if cmd.Name() == "completion" { // cobra's own
				below.Args = noArgs
			}
			each(below)
		}
	}
	each(root)
}

// oneOfThese is what a command does that only holds others: alone it shows them.
func oneOfThese(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	cmd.SuggestionsMinimumDistance = 2
	return fmt.Errorf("%s has no verb %q.%s It has: %s", cmd.CommandPath(), args[0], meant(cmd.SuggestionsFor(args[0])), strings.Join(names, " "))
}

func meant(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return " Did you mean " + strings.Join(near, " or ") + "?"
}

// flagFault explains a flag that is wrong.
func flagFault(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 { // the flag is of the verb that was meant
		return oneOfThese(cmd, words)
	}
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name, dash := unknown.GetSpecifiedName(), "--"
		if of := unknown.GetSpecifiedShortnames(); of != "" {
			dash = "-"
		}
		return fmt.Errorf("%s has no flag %s%s.%s See: %s --help", cmd.CommandPath(), dash, name, meant(near(cmd, name)), cmd.CommandPath())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s wants a value: %s", bare.GetFlag().Name, bare.GetFlag().Usage)
	case errors.As(err, &value):
		f := value.GetFlag()
		return fmt.Errorf("--%s cannot be %q, it is %s: %s", f.Name, value.GetValue(), sorts[f.Value.Type()], f.Usage)
	}
	return fmt.Errorf("%w. See: %s --help", err, cmd.CommandPath())
}

// sorts says what a flag's value looks like.
var sorts = map[string]string{"duration": "a length of time such as 90s, 24h or 7d", "int": "a number", "int64": "a number", "bool": "true or false"}

// near lists the flags that somebody may have meant.
func near(cmd *cobra.Command, name string) (flags []string) {
	if len(name) < 2 {
		return nil
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && (strings.HasPrefix(f.Name, name) || strings.HasPrefix(name, f.Name) || mapping.Distance(f.Name, name) <= 2) {
			flags = append(flags, "--"+f.Name)
		}
	})
	return flags
}

// required refuses a call without the flags that it cannot do without, and says what each
// is for.
func required(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(f.Annotations[cobra.BashCompOneRequiredFlag], "true") && !f.Changed {
			missing = append(missing, "--"+f.Name+" is missing: "+f.Usage)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s\n%s", strings.Join(missing, "\n"), cmd.UseLine())
}

// oneArg accepts one word after the verb, and otherwise shows how the verb is used.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	if _, wanted, ok := strings.Cut(cmd.Use, " "); ok && len(args) == 0 {
		return fmt.Errorf("%s is missing: %s", strings.Fields(wanted)[0], cmd.UseLine())
	}
	return fmt.Errorf("one word is wanted after %s, not %d: %s", cmd.CommandPath(), len(args), cmd.UseLine())
}

// mostOneArg accepts one word or none.
func mostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return fmt.Errorf("at most one word is wanted after %s, not %d: %s", cmd.CommandPath(), len(args), cmd.UseLine())
}

// noArgs accepts no word after the verb.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("no word is wanted after %s, and there is %q: %s", cmd.CommandPath(), args[0], cmd.UseLine())
}

// onlyConfig accepts no word after the verb: the settings file, which many write
// there, goes after -c.
func onlyConfig(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || cmd.Flags().Changed("config") {
		return noArgs(cmd, args)
	}
	return fmt.Errorf("the settings file is named with -c: %s -c %s", cmd.CommandPath(), args[0])
}

// atLeastOne refuses a limit that leaves nothing to show.
func atLeastOne(limit int) error {
	if limit > 0 {
		return nil
	}
	return fmt.Errorf("--limit %d shows nothing: it is a number from 1", limit)
}

// ago is a flag for a length of time, in the form that settings have: 90s, 24h, 7d.
type ago time.Duration

func (a *ago) Set(text string) error {
	var d directory.Duration
	err := d.UnmarshalText([]byte(text))
	*a = ago(d)
	return err
}

func (a *ago) String() string {
	if *a == 0 {
		return ""
	}
	return directory.Duration(*a).String()
}

func (a *ago) Type() string { return "duration" }
