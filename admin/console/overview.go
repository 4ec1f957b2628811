package console

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

func (c *Console) overviewRoutes() []route {
	return []route{
		{"GET /{$}", anyone, c.overview},
		{"GET /find", anyone, c.find},
	}
}

// overview is the first page: how people get in, and what needs attention.
func (c *Console) overview(v *visit) error {
	span, step := 24*time.Hour, time.Hour
	if v.query("span") == "7d" {
		span, step = 7*24*time.Hour, 6*time.Hour
	}
	status, err := v.api.Status(v.ctx())
	if err != nil {
		return err
	}
	until := c.Now().UTC().Truncate(step).Add(step)
	since := until.Add(-span)
	data := struct {
		Week      bool
		Status    *api.Status
		Chart     chart
		Providers []providerLine
		Refused   []api.Login
		Warnings  []warning
		Rate      string
		Signed    int64
		Turned    int64
		Slowest   int64
	}{Week: span > 24*time.Hour, Status: status, Warnings: warningsOf(status)}
	if v.Can("logins:read") {
		stats, err := v.api.LoginStats(v.ctx(), since, until)
		if err != nil {
			return err
		}
		data.Chart = loginChart(stats.Hours, since, until, step)
		data.Providers = byProvider(stats.Hours, status.Providers)
		if len(data.Providers) > 25 {
			data.Providers = busiest(data.Providers, 25)
		}
		for _, l := range data.Chart.Legend {
			if l.Class == "s1" {
				data.Signed = l.Count
			} else if l.Class != "s4" {
				data.Turned += l.Count
			}
		}
		for _, p := range data.Providers {
			data.Slowest = max(data.Slowest, p.Longest)
		}
		if n := data.Signed + data.Turned; n > 0 {
			data.Rate = percent(data.Signed, n)
		}
		page, err := v.api.Logins(v.ctx(), api.LoginFilter{ListOptions: api.ListOptions{Limit: 6}, Outcome: "refused"})
		if err != nil {
			return err
		}
		data.Refused = page.Items
	}
	if v.Can("users:read") {
		admins, err := v.api.Admins(v.ctx())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(admins.Items, func(a api.Admin) bool { return a.Role == "owner" && !a.Disabled }) {
			said := "No owner yet: only a link from the shell opens this console."
			if slices.ContainsFunc(admins.Items, func(a api.Admin) bool { return a.Role == "owner" }) {
				said = "No owner can sign in: they, or their provider, are switched off. Only a link from the shell opens this console."
			}
			data.Warnings = append([]warning{{said, "/administrators", "Administrators"}}, data.Warnings...)
		}
	}
	return v.show("overview", "Overview", data)
}

// warning is one thing that needs attention, and where to give it.
type warning struct{ Text, Path, Label string }

func warningsOf(s *api.Status) (out []warning) {
	if s.Blind {
		out = append(out, warning{Text: "This node cannot read the database, and gives no tokens until it can."})
	}
	if s.Cause != "" {
		out = append(out, warning{"This node does not run the newest revision: " + s.Cause, "/revisions", "Revisions"})
	}
	if s.Counts.Providers == 0 {
		out = append(out, warning{"There is no provider yet, so nobody can sign in.", "/providers", "Add a provider"})
	} else if s.Counts.Clients == 0 {
		out = append(out, warning{"There is no app yet.", "/clients", "Add an app"})
	}
	for _, w := range s.Warnings {
		text := faultText(w)
		if w.Path != "" {
			text = w.Path + ": " + text
		}
		if out = append(out, warning{Text: text}); len(out) == 8 {
			out = append(out, warning{Text: "There are more warnings: handstamp check shows all."})
			break
		}
	}
	return out
}

// busiest keeps the rows with most logins and those that are down.
func busiest(rows []providerLine, most int) []providerLine {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b providerLine) int {
		weight := func(p providerLine) int64 {
			n := p.SignedIn + p.Refused + p.Failed
			if p.State == "down" {
				n += 1 << 40
			}
			return n
		}
		return int(min(max(weight(b)-weight(a), -1), 1))
	})
	return rows[:most]
}

func percent(part, of int64) string {
	p := float64(part) / float64(of) * 100
	if p > 99 && part < of {
		return "> 99 %"
	}
	return px(p)[:strings.Index(px(p), ".")] + " %"
}

// referenceForm is how references look: letters and digits of base32.
var referenceForm = regexp.MustCompile(`^[A-Z2-7]{8,32}$`)

// find leads from what a person has in hand to the page about it: the reference of an
// error page, or a part of a name or e-mail.
func (c *Console) find(v *visit) error {
	q := v.query("q")
	if ref := strings.ToUpper(strings.Trim(q, "()[]., ")); v.Can("logins:read") && referenceForm.MatchString(ref) {
		_, err := v.api.Login(v.ctx(), ref)
		if err == nil {
			return v.seeOther("/logins/" + ref)
		}
		if !api.IsNotFound(err) && problemOf(err) == nil {
			return err
		}
		if p := problemOf(err); p != nil && p.Status == 401 {
			return errors.Join(err)
		}
		if strings.ContainsAny(q, "234567") && q == strings.ToUpper(q) {
			return v.seeOther("/logins?" + url.Values{"q": {q}}.Encode())
		}
	}
	if q == "" {
		return v.seeOther("/logins")
	}
	return v.seeOther("/users?" + url.Values{"q": {q}}.Encode())
}
