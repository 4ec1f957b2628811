package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

// chart is a picture of stacked bars that needs no script, with the numbers beside it.
type chart struct {
	Label  string
	Width  int
	Height int
	Bars   []bar
	Lines  []gridLine
	Ticks  []tick
	Legend []legend
	Rows   []chartRow // the same as a table
	Total  int64
}

type bar struct {
	X, Y, W, H string
	Class      string
	Title      string
}

type gridLine struct {
	Y, Label string
	TextY    string
}

type tick struct{ X, Label string }

type legend struct {
	Class, Label string
	Count        int64
}

type chartRow struct {
	Label  string
	Counts []int64
	Total  int64
}

// outcomes are the layers of the chart, from the bottom.
var outcomes = []struct{ name, label, class string }{
	{"signed_in", "Signed in", "s1"}, {"refused", "Refused", "s2"}, {"failed", "Failed", "s3"}, {"abandoned", "Not finished", "s4"},
}

const (
	chartWidth  = 720
	chartHeight = 220
	chartLeft   = 44
	chartBottom = 30
	chartTop    = 10
)

// loginChart draws logins between two times in buckets of some hours.
func loginChart(hours []api.LoginCount, since, until time.Time, step time.Duration) chart {
	n := int(until.Sub(since) / step)
	counts := make([][]int64, n)
	for i := range counts {
		counts[i] = make([]int64, len(outcomes))
	}
	c := chart{Width: chartWidth, Height: chartHeight}
	sums := make([]int64, len(outcomes))
	for _, h := range hours {
		i := int(h.Hour.Sub(since) / step)
		layer := slices.IndexFunc(outcomes, func(o struct{ name, label, class string }) bool { return o.name == h.Outcome })
		if i < 0 || i >= n || layer < 0 || h.Hour.Before(since) {
			continue
		}
		counts[i][layer] += h.Count
		sums[layer] += h.Count
		c.Total += h.Count
	}
	for i, o := range outcomes {
		c.Legend = append(c.Legend, legend{o.class, o.label, sums[i]})
	}
	most := int64(1)
	for _, row := range counts {
		most = max(most, sum(row))
	}
	top := niceAbove(most)
	high := float64(chartHeight - chartTop - chartBottom)
	for _, part := range []int64{0, 1, 2} {
		value := top * part / 2
		if part == 1 && top%2 != 0 {
			continue
		}
		y := float64(chartTop) + high - high*float64(value)/float64(top)
		c.Lines = append(c.Lines, gridLine{Y: px(y), TextY: px(y + 5), Label: fmt.Sprint(value)})
	}
	width := float64(chartWidth-chartLeft) / float64(n)
	for i, row := range counts {
		from := since.Add(time.Duration(i) * step).UTC()
		label := from.Format("2 Jan, 15:04")
		if step >= 24*time.Hour {
			label = from.Format("Mon 2 Jan")
		}
		base := float64(chartTop) + high
		for layer, count := range row {
			if count == 0 {
				continue
			}
			h := high * float64(count) / float64(top)
			base -= h
			c.Bars = append(c.Bars, bar{X: px(chartLeft + float64(i)*width + width*.12), Y: px(base), W: px(width * .76), H: px(h), Class: outcomes[layer].class,
				Title: fmt.Sprintf("%s: %d %s", label, count, outcomes[layer].label)})
		}
		if i%max(n/6, 1) == 0 {
			short := from.Format("15:04")
			if step >= 6*time.Hour {
				short = from.Format("2 Jan")
			}
			c.Ticks = append(c.Ticks, tick{X: px(chartLeft + float64(i)*width), Label: short})
		}
		if sum(row) > 0 {
			c.Rows = append(c.Rows, chartRow{label, row, sum(row)})
		}
	}
	c.Label = fmt.Sprintf("%d logins: %d signed in, %d refused, %d failed, %d not finished", c.Total, sums[0], sums[1], sums[2], sums[3])
	return c
}

// niceAbove is the next round number, so that the axis has readable steps.
func niceAbove(n int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, nice := range []int64{1, 2, 4, 6, 8, 10} {
			if nice*step >= n {
				return max(nice*step, 2)
			}
		}
	}
}

func sum(all []int64) (total int64) {
	for _, n := range all {
		total += n
	}
	return total
}

func px(f float64) string { return fmt.Sprintf("%.1f", f) }

// providerLine is one row of the table by provider.
type providerLine struct {
	Slug, Title, State, Reason string
	Since                      stamp
	SignedIn, Refused, Failed  int64
	Average, Longest           int64 // milliseconds
	Share                      string
}

// byProvider adds up logins by provider; known ones stand there also with none.
func byProvider(hours []api.LoginCount, known []api.ProviderHealth) []providerLine {
	rows := map[string]*providerLine{}
	var order []string
	var took, count = map[string]int64{}, map[string]int64{}
	row := func(slug string) *providerLine {
		if rows[slug] == nil {
			rows[slug] = &providerLine{Slug: slug, Title: slug, State: "gone"}
			order = append(order, slug)
		}
		return rows[slug]
	}
	for _, p := range known {
		r := row(p.Slug)
		r.Title, r.State, r.Reason, r.Since = p.Title, p.State, p.Reason, when(p.Since)
		if p.Disabled {
			r.State = "switched off"
		}
		if r.Title == "" {
			r.Title = p.Slug
		}
	}
	var all int64
	for _, h := range hours {
		if h.Provider == "" || h.Outcome == "test" {
			continue
		}
		r := row(h.Provider)
		switch h.Outcome {
		case "signed_in":
			r.SignedIn += h.Count
		case "refused":
			r.Refused += h.Count
		case "failed":
			r.Failed += h.Count
		}
		took[h.Provider] += h.TookSum
		count[h.Provider] += h.Count
		r.Longest = max(r.Longest, h.TookMax)
		all = max(all, r.SignedIn+r.Refused+r.Failed)
	}
	out := make([]providerLine, 0, len(order))
	for _, slug := range order {
		r := rows[slug]
		if count[slug] > 0 {
			r.Average = took[slug] / count[slug]
		}
		if all > 0 {
			r.Share = px(100 * float64(r.SignedIn+r.Refused+r.Failed) / float64(all))
		}
		out = append(out, *r)
	}
	return out
}
