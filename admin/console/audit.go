package console

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/door"
)

func (c *Console) auditRoutes() []route {
	return []route{
		{"GET /audit", "audit:read", c.audit},
		{"GET /audit/export", "audit:read", c.exportAudit},
	}
}

// auditView is one row with its details in a steady order.
type auditView struct {
	api.Audit
	Why     string
	Details []Hidden
}

// audit lists who did what, from where and why.
func (c *Console) audit(v *visit) error {
	f := v.readFilters()
	since, until := f.span()
	filter := api.AuditFilter{ListOptions: v.list(), Actor: f.Actor, Action: f.Action, Target: f.Target, Since: since, Until: until}
	page, err := v.api.AuditRows(v.ctx(), filter)
	if err != nil {
		return err
	}
	data := struct {
		Filters filters
		Items   []auditView
		Pager   pager
		Report  *api.AuditReport
		Export  string
	}{Filters: f, Pager: pagerView(f.Base, page.Next), Export: "/audit/export" + strings.TrimRight(strings.TrimPrefix(f.Base, "/audit"), "?&")}
	for _, row := range page.Items {
		one := auditView{Audit: row}
		for name, value := range row.Detail {
			if name == "why" || name == "reason" {
				one.Why = value
				continue
			}
			if name == "provider" && row.Provider != "" {
				value = row.Provider
			}
			one.Details = append(one.Details, Hidden{name, value})
		}
		slices.SortFunc(one.Details, func(a, b Hidden) int { return strings.Compare(a.Name, b.Name) })
		if row.Provider != "" && strings.HasPrefix(row.Target, "provider:") {
			one.Target = "provider:" + row.Provider
		}
		data.Items = append(data.Items, one)
	}
	if v.r.URL.Query().Has("verify") {
		if data.Report, err = v.api.VerifyAudit(v.ctx()); err != nil {
			return err
		}
	}
	return v.show("audit", "Audit", data)
}

// exportAudit hands the filtered rows over as JSON lines, without holding them all.
func (c *Console) exportAudit(v *visit) error {
	door.Patient(v.w)
	f := v.readFilters()
	since, until := f.span()
	lines, err := v.api.ExportAudit(v.ctx(), api.AuditFilter{Actor: f.Actor, Action: f.Action, Target: f.Target, Since: since, Until: until})
	if err != nil {
		return err
	}
	defer lines.Close()
	v.w.Header().Set("Content-Type", "application/jsonl")
	v.w.Header().Set("Content-Disposition", `attachment; filename="audit.jsonl"`)
	v.w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(v.w, lines); err != nil {
		v.cause = fmt.Errorf("hand the audit over: %w", err)
		panic(http.ErrAbortHandler) // a file that ends early must not look whole
	}
	return nil
}
