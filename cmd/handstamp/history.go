package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func historyCmd() *cobra.Command {
	at := desk{empty: true}
	limit := 20
	cmd := &cobra.Command{Use: "history [REVISION]", Short: "Show who changed the directory, when and why; with a number, what that change was", Args: mostOneArg,
		Example: "  handstamp history\n  handstamp history 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.history(ctx, limit) })
			}
			n, err := revisionNumber(args[0])
			if err != nil {
				return err
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.historyOf(ctx, n) })
		}}
	at.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", limit, "so many, the newest first")
	return cmd
}

func revisionNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is no number of a revision: handstamp history shows them", oneLine(text))
	}
	return n, nil
}

func (v *visit) history(ctx context.Context, limit int) error {
	if err := atLeastOne(limit); err != nil {
		return err
	}
	page, err := v.Revisions(ctx, api.ListOptions{Limit: min(limit, 200)})
	if err != nil || v.json {
		return v.answer(page, err)
	}
	if len(page.Items) == 0 {
		return v.say("There is no revision yet: handstamp apply makes the first.")
	}
	t := v.table("REVISION", "WHEN", "WHO", "FROM", "CHANGES", "WHY")
	for _, r := range page.Items {
		number := strconv.FormatInt(r.Number, 10)
		if r.Active {
			number += " *"
		}
		t.row(number, r.At, actorName(r.Author), source(r.Source), r.Changes, r.Reason)
	}
	if err := t.flush(); err != nil || page.Next == "" {
		return err
	}
	return v.say("There are older ones: --limit, at most 200.")
}

// source shortens the hash of a file.
func source(s string) string {
	if len(s) > 17 && s[:5] == "file:" {
		return s[:13] + "…"
	}
	return s
}

func (v *visit) historyOf(ctx context.Context, n int64) error {
	r, err := v.Revision(ctx, n)
	if err != nil {
		return err
	}
	diff := &api.RevisionDiff{To: n}
	if n > 1 {
		if diff, err = v.Diff(ctx, n, n-1); err != nil {
			return err
		}
	}
	if v.json {
		return v.answer(struct {
			*api.Revision
			Diff *api.RevisionDiff `json:"diff"`
		}{r, diff}, nil)
	}
	if err := v.say("Revision %d, %s, by %s (%s)", r.Number, moment(r.At), actorName(r.Author), source(r.Source)); err != nil {
		return err
	}
	if r.Reason != "" {
		if err := v.say("%s", r.Reason); err != nil {
			return err
		}
	}
	if n == 1 {
		return v.say("It is the first: handstamp export 1 shows it.")
	}
	return v.changes(diff.Changes)
}

func rollbackCmd() *cobra.Command {
	at := desk{empty: true}
	var force, yes bool
	cmd := &cobra.Command{Use: "rollback REVISION", Short: "Make an earlier directory the active one again", Args: oneArg,
		Long: "Make an earlier directory the active one again, as a new revision: nothing is lost, and the way forward\nis another rollback. --plan only shows what it would do.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := revisionNumber(args[0])
			if err != nil {
				return err
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.rollback(ctx, n, force, yes) })
		}}
	at.flags(cmd)
	at.reasons(cmd)
	cmd.Flags().BoolVar(&yes, "plan", false, "only show what it would do")
	cmd.Flags().BoolVar(&force, "force", false, "even if no owner could sign in afterwards")
	return cmd
}

func (v *visit) rollback(ctx context.Context, n int64, force, onlyPlan bool) error {
	if onlyPlan {
		plan, err := v.PlanRollback(ctx, n)
		if err == nil && v.json {
			return v.answer(plan, nil)
		}
		return v.plan(plan, err)
	}
	now, err := v.Directory(ctx)
	if err != nil {
		return err
	}
	done, err := v.Rollback(ctx, n, api.ChangeOptions{IfMatch: now.Revision, Reason: v.at.reason, Force: force})
	if err != nil || v.json {
		return v.answer(done, err)
	}
	return v.applied(done, now.Revision)
}

func exportCmd() *cobra.Command {
	at := desk{empty: true}
	var format, file string
	cmd := &cobra.Command{Use: "export [REVISION]", Short: "Write the directory as a file that apply reads", Args: mostOneArg,
		Long: "Write the directory, the active one or an earlier, as a file that apply reads. No secret is in it: what\nis sealed stands there by its name, and is known to this house alone.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "yaml" && format != "json" {
				return errors.New("--format is yaml or json")
			}
			var n int64
			if len(args) == 1 {
				var err error
				if n, err = revisionNumber(args[0]); err != nil {
					return err
				}
			}
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.export(ctx, n, format, file) })
		}}
	at.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "yaml", "yaml or json")
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write (default: print)")
	return cmd
}

func (v *visit) export(ctx context.Context, n int64, format, file string) error {
	if v.json {
		format = "json"
	}
	if n == 0 {
		now, err := v.Directory(ctx)
		if err != nil {
			return err
		}
		if n = now.Revision; n == 0 {
			return errors.New("there is no revision yet: handstamp apply makes the first")
		}
	}
	text, err := v.Export(ctx, n, format)
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, text, 0o640); err != nil {
			return err
		}
		return v.say("Revision %d is in %s.", n, file)
	}
	_, err = v.out.Write(text)
	return err
}
