package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/configs"
	"github.com/handstamp/handstamp/providers"
)

// file is where a directory to plan or apply is written.
type directoryFile struct{ path string }

func (f *directoryFile) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.path, "file", "f", "", "file or folder with the directory (default: the settings file)")
}

// read reads it, as references and without the values behind them: those are where the
// broker runs.
func (f *directoryFile) read(at *desk) (*configs.DirectoryFile, error) {
	path := f.path
	if path == "" {
		path = at.config
	}
	return configs.LoadDirectory(path)
}

// spoken puts literal secrets where the API reads them: in place of their sources.
func spoken(d directory.Document) directory.Document {
	say := func(source string, secret providers.Secret) string {
		if source != "" {
			return source
		}
		return strings.ReplaceAll(secret.Reveal(), "${", "$${")
	}
	d.Providers, d.Clients = slices.Clone(d.Providers), slices.Clone(d.Clients)
	for i := range d.Providers {
		p := &d.Providers[i]
		p.ClientSecretSource = say(p.ClientSecretSource, p.ClientSecret)
	}
	for i := range d.Clients {
		c := &d.Clients[i]
		sources := make([]string, max(len(c.Secrets), len(c.SecretSources)))
		copy(sources, c.SecretSources)
		for j, secret := range c.Secrets {
			sources[j] = say(sources[j], secret)
		}
		c.SecretSources = sources
	}
	return d
}

func planCmd() *cobra.Command {
	at := desk{empty: true}
	var from directoryFile
	cmd := &cobra.Command{Use: "plan", Short: "Show what a directory would change, and who gains and who loses by it", Args: onlyConfig,
		Long: "Show what the directory in a file would change, and who would gain and who would lose roles and scopes:\nlast logins of up to 1,000 people and apps are replayed by the new rules. Nothing is changed.\n\n" +
			"The exit code is 0 when it could be applied, also where nothing would change, and 1 when not.",
		Example: "  handstamp plan\n  handstamp plan -f directory/",
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := from.read(&at)
			if err != nil {
				return err
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				plan, err := v.planOf(ctx, file)
				if err != nil || !v.json {
					return v.plan(plan, err)
				}
				if err := v.answer(plan, nil); err != nil || len(plan.Problems) == 0 && !plan.LocksOut {
					return err
				}
				return exitCode(1)
			})
		}}
	at.flags(cmd)
	from.flag(cmd)
	return cmd
}

func (v *visit) planOf(ctx context.Context, file *configs.DirectoryFile) (*api.Plan, error) {
	d := spoken(file.Document)
	return v.Plan(ctx, api.PlanRequest{Document: &d})
}

// applyOptions are the flags of apply.
type applyOptions struct {
	from         directoryFile
	force, tests bool
	empty        bool // also one that takes everything away
}

func applyCmd() *cobra.Command {
	at := desk{empty: true}
	var o applyOptions
	cmd := &cobra.Command{Use: "apply", Short: "Make the directory in a file the active one", Args: onlyConfig,
		Long: "Make the directory in a file (providers, clients, resources, rules) the active one, in one step, on every\nnode, without a restart. What is wrong with it is said, and then nothing changes.\n\n" +
			"What somebody changed in the console since the file was written is taken back by it: look at handstamp plan.",
		Example: "  handstamp apply --reason 'editors may publish'\n  handstamp apply -f directory/ --require-tests",
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := o.from.read(&at)
			if err != nil {
				return err
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.apply(ctx, file, o) })
		}}
	at.flags(cmd)
	at.reasons(cmd)
	o.from.flag(cmd)
	cmd.Flags().BoolVar(&o.force, "force", false, "even if no owner could sign in afterwards")
	cmd.Flags().BoolVar(&o.empty, "empty", false, "even if the file holds nothing, and everything is taken away")
	cmd.Flags().BoolVar(&o.tests, "require-tests", false, "only if the tests beside it pass, and one of them expects each role and scope that somebody gains")
	return cmd
}

func (v *visit) apply(ctx context.Context, file *configs.DirectoryFile, o applyOptions) error {
	now, err := v.Directory(ctx)
	if err != nil {
		return err
	}
	if !o.empty && file.Document.Empty() && !now.Document.Empty() {
		return fmt.Errorf("%s holds no provider, app, resource or rule, and would take away all that revision %d has: name the directory with -f, or say --empty if that is meant", cmp.Or(o.from.path, v.at.config), now.Revision)
	}
	if o.tests {
		if err := v.covered(ctx, file); err != nil {
			return err
		}
	}
	done, err := v.PutDirectory(ctx, spoken(file.Document), api.ChangeOptions{IfMatch: now.Revision, Reason: v.at.reason, Force: o.force})
	if err != nil || v.json {
		return v.answer(done, err)
	}
	return v.applied(done, now.Revision)
}

// applied says what came of a change.
func (v *visit) applied(done *api.Applied, before int64) error {
	if done.Revision == before {
		return v.say("Nothing to change: revision %d says the same.", before)
	}
	if done.Plan != nil {
		if err := v.plan(done.Plan, nil); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(v.out); err != nil {
		return err
	}
	back := ""
	if before > 0 {
		back = fmt.Sprintf(" The way back: handstamp rollback %d", before)
	}
	return v.say("Revision %s is active.%s", v.paint(bold, fmt.Sprint(done.Revision)), back)
}

// plan tells people what a change would do.
func (v *visit) plan(p *api.Plan, err error) error {
	if err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return &api.Problem{Title: "This cannot be the directory", Problems: p.Problems}
	}
	if len(p.Changes) == 0 {
		return v.say("Nothing to change: revision %d says the same.", p.Base)
	}
	if err := v.changes(p.Changes); err != nil {
		return err
	}
	if err := v.effects(p); err != nil {
		return err
	}
	var notes []string
	for _, w := range p.Warnings {
		notes = append(notes, w.String())
	}
	if p.LocksOut {
		notes = append(notes, "no owner could sign in afterwards: apply refuses it without --force")
	}
	if p.NeedsOwner {
		notes = append(notes, "it changes what machines may administer: over the network only an owner may")
	}
	for _, n := range notes {
		if err := v.say("%s %s", v.paint(yellow, "warning:"), n); err != nil {
			return err
		}
	}
	return nil
}

// marks are how a change stands in a list.
var marks = map[string]struct{ sign, color string }{
	directory.Added: {"+", green}, directory.Removed: {"-", red}, directory.Changed: {"~", yellow}, directory.Moved: {"↕", yellow},
}

// changes lists what is different, one line each.
func (v *visit) changes(list []directory.Change) error {
	p := &printer{out: v.out}
	for _, c := range list {
		m := marks[c.Op]
		text := c.Kind + " " + c.ID
		if c.Field != "" {
			text += ": " + c.Field
		}
		switch {
		case c.Op == directory.Changed:
			text += "  " + orNothing(c.Old) + " → " + orNothing(c.New)
		case c.New+c.Old != "": // of the other ones only one is there
			text += "  " + c.New + c.Old
		}
		v.line(p, m.color, m.sign, text)
	}
	return p.err
}

// line writes one line with a coloured sign before it.
func (v *visit) line(p *printer, color, sign, text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, string(v.paint(color, sign))+" "+oneLine(text))
	}
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

// shownEffects are told one by one; beyond, only how many there are.
const shownEffects = 20

func (v *visit) effects(plan *api.Plan) error {
	p := &printer{out: v.out}
	p.line("")
	if plan.Replayed == 0 {
		p.line("Nobody has signed in lately, so there is nobody to try it on.")
		return p.err
	}
	if len(plan.Effects) == 0 {
		p.line("Of %d recent logins none would come out differently.", plan.Replayed)
		return p.err
	}
	p.line("Of %d recent logins these would come out differently (%d people):", plan.Replayed, plan.Affected)
	for i, e := range plan.Effects {
		if i == shownEffects {
			p.line("  and %d more", len(plan.Effects)-i)
			break
		}
		v.effect(p, e)
	}
	return p.err
}

func (v *visit) effect(p *printer, e policy.Effect) {
	p.line("  %s at %s, by %s", e.Person, e.Client, e.Provider)
	switch {
	case e.WasAdmitted && !e.Admitted:
		v.line(p, red, "    -", "may not come in any more: "+e.Refusal)
	case !e.WasAdmitted && e.Admitted:
		v.line(p, green, "    +", "may come in")
	}
	for _, one := range []struct {
		noun, sign, color string
		names             []string
	}{{"role", "    +", green, e.GainedRoles}, {"scope", "    +", green, e.GainedScopes}, {"role", "    -", red, e.LostRoles}, {"scope", "    -", red, e.LostScopes}} {
		for _, name := range one.names {
			text := one.noun + " " + name
			if rule := e.ByRule[text]; rule != "" {
				text += "  (" + rule + ")"
			}
			v.line(p, one.color, one.sign, text)
		}
	}
}

// covered refuses a change that gives somebody more than a test expects.
func (v *visit) covered(ctx context.Context, file *configs.DirectoryFile) error {
	if file.Tests == nil || len(file.Tests.Cases) == 0 {
		return errors.New("--require-tests: there are no tests beside the directory: *_test.yaml, see docs/testing-rules.md")
	}
	plan, err := v.planOf(ctx, file)
	if err != nil {
		return err
	}
	if len(plan.Problems) > 0 {
		return nil // applying it says what is wrong
	}
	status, err := v.Status(ctx)
	if err != nil {
		return err
	}
	snapshot, err := file.Compile(status.Issuer)
	if err != nil {
		return err
	}
	results := file.Tests.Run(snapshot)
	if results.Failed > 0 {
		var names []string
		for _, r := range results.Cases {
			if !r.Passed {
				names = append(names, r.Name)
			}
		}
		return fmt.Errorf("--require-tests: %d of %d tests fail (%s): handstamp test shows why", results.Failed, len(results.Cases), oneLine(strings.Join(names, ", ")))
	}
	missing := map[string]bool{}
	for _, g := range results.Uncovered(plan.Gains) {
		what := "role " + g.Role
		if g.Scope != "" {
			what = "scope " + g.Scope
		}
		missing[oneLine(fmt.Sprintf("%s, by the rule %q", what, g.Rule))] = true
	}
	if len(missing) == 0 {
		return nil
	}
	lines := slices.Sorted(maps.Keys(missing))
	return errors.New("--require-tests: no test expects what this gives:\n  " + strings.Join(lines, "\n  ") + "\nAdd a case to a *_test.yaml whose rule gives it.")
}
