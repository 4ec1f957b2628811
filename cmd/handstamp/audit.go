package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/admin/api"
)

func auditCmd() *cobra.Command {
	at := &desk{}
	cmd := &cobra.Command{Use: "audit", Short: "Read, export and verify who did what"}
	at.flags(cmd)
	cmd.AddCommand(listAuditCmd(at), exportAuditCmd(at), verifyAuditCmd(at))
	return cmd
}

// auditFlags narrow the audit.
type auditFlags struct {
	api.AuditFilter
	since ago
}

func (f *auditFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Actor, "actor", "", "only by this actor's whole id, such as shell")
	flags.StringVar(&f.Action, "action", "", "only this, such as user_disabled")
	flags.StringVar(&f.Target, "target", "", "only to this: whole, or a kind such as client:")
	flags.StringVar(&f.User, "user", "", "only to the person with this sub")
	flags.Var(&f.since, "since", "only of so long ago, such as 24h or 7d")
}

func (f *auditFlags) filter() api.AuditFilter {
	if f.since > 0 {
		f.Since = time.Now().Add(-time.Duration(f.since))
	}
	return f.AuditFilter
}

func listAuditCmd(at *desk) *cobra.Command {
	var f auditFlags
	limit := 50
	cmd := &cobra.Command{Use: "list", Short: "List who did what, the newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error { return v.listAudit(ctx, f.filter(), limit) })
		}}
	f.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", limit, "so many at most")
	return cmd
}

func (v *visit) listAudit(ctx context.Context, f api.AuditFilter, limit int) error {
	all, err := upTo(limit, func(o api.ListOptions) (*api.Page[api.Audit], error) {
		f.ListOptions = o
		return v.AuditRows(ctx, f)
	})
	if err != nil {
		return err
	}
	if v.json {
		return printJSON(v.out, all)
	}
	t := v.table("WHEN", "WHO", "DID", "TO", "DETAIL")
	for _, row := range all {
		who, whom := strings.Trim(row.ActorKind+" "+row.Actor, " "), row.Target
		if row.By != nil {
			who = row.ActorKind + " " + nameOf(row.By)
		}
		if row.Whom != nil {
			whom = "user " + nameOf(row.Whom)
		}
		if row.Provider != "" {
			if strings.HasPrefix(whom, "provider:") {
				whom = "provider " + row.Provider
			} else {
				row.Detail["provider"] = row.Provider
			}
		}
		t.row(moment(row.At), who, row.Action, whom, shortened(details(row.Detail), 120))
	}
	return t.flush()
}

func nameOf(p *api.Person) string { return cmp.Or(p.Email, p.Name, p.Sub) }

// shortened is a text for a column; --json has all of it.
func shortened(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}

func details(d map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, name+"="+d[name])
	}
	return strings.Join(parts, " ")
}

func exportAuditCmd(at *desk) *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{Use: "export", Short: "Write the audit as JSON, one row a line", Args: noArgs,
		Long:    "Write the audit to the standard output as JSON, one row a line, the newest first.",
		Example: "  handstamp audit export --since 30d > audit.jsonl",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				rows, err := v.ExportAudit(ctx, f.filter())
				if err != nil {
					return err
				}
				defer rows.Close()
				if _, err := io.Copy(v.out, rows); err != nil {
					return fmt.Errorf("the export broke off, so what was written is not all: %w", err)
				}
				return nil
			})
		}}
	f.add(cmd)
	return cmd
}

func verifyAuditCmd(at *desk) *cobra.Command {
	return &cobra.Command{Use: "verify", Short: "Check that no row of the audit was changed or taken away", Args: noArgs,
		Long: "Check that no row of the audit was changed, added or taken away. Each row is in a chain whose key is not in the\n" +
			"database. Keep the head elsewhere: with it, a later check also proves that nothing was cut off at the end.\n\n" +
			"Exit codes: 0 intact, 2 not.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.visit(cmd, func(ctx context.Context, v *visit) error {
				r, err := v.VerifyAudit(ctx)
				if err != nil {
					return err
				}
				if v.json {
					err = printJSON(v.out, r)
				} else {
					err = tellReport(v.out, r)
				}
				if err == nil && !r.Intact {
					return exitNotIntact
				}
				return err
			})
		}}
}

const exitNotIntact exitCode = 2

func tellReport(out io.Writer, r *api.AuditReport) error {
	p := &printer{out: out}
	if r.Broken != nil {
		p.line("NOT INTACT: row %s of %s: %s", r.Broken.ID, moment(r.Broken.At), oneLine(r.Broken.Why))
	} else {
		p.line("The audit is as it was written: %s.", count(int(r.Rows), "row"))
	}
	if r.Waiting > 0 {
		p.line("  %s too new to be in the chain", count(int(r.Waiting), "row"))
	}
	if r.Older > 0 {
		p.line("  %s from before there was a chain", count(int(r.Older), "row"))
	}
	if !r.Since.IsZero() {
		p.line("  since  %s", moment(r.Since))
	}
	if r.Head != "" {
		p.line("  head   %s", r.Head)
	}
	return p.err
}
