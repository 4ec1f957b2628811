package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// exposition answers /metrics in Prometheus' text format, version 0.0.4. It is a form of
// lines, so a printer of our own is smaller than the libraries around it, and promtool
// checks it (docs/decisions/0038).
type exposition struct{ from sdkmetric.Reader }

func (e exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var all metricdata.ResourceMetrics
	if err := e.from.Collect(r.Context(), &all); err != nil && len(all.ScopeMetrics) == 0 {
		http.Error(w, "the measurements could not be collected", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriter(w)
	defer out.Flush()
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			expose(out, m)
		}
	}
}

func expose(w io.Writer, m metricdata.Metrics) {
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		points(w, m, counterOrGauge(d.IsMonotonic), d.DataPoints)
	case metricdata.Sum[float64]:
		points(w, m, counterOrGauge(d.IsMonotonic), d.DataPoints)
	case metricdata.Gauge[int64]:
		points(w, m, "gauge", d.DataPoints)
	case metricdata.Gauge[float64]:
		points(w, m, "gauge", d.DataPoints)
	case metricdata.Histogram[int64]:
		buckets(w, m, d.DataPoints)
	case metricdata.Histogram[float64]:
		buckets(w, m, d.DataPoints)
	}
}

func counterOrGauge(monotonic bool) string {
	if monotonic {
		return "counter"
	}
	return "gauge"
}

// head writes the two lines above a metric's series and returns its name.
func head(w io.Writer, m metricdata.Metrics, kind string) string {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch m.Unit {
	case "s":
		name += "_seconds"
	case "By":
		name += "_bytes"
	}
	if kind == "counter" {
		name += "_total"
	}
	help := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(m.Description)
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	return name
}

func points[N int64 | float64](w io.Writer, m metricdata.Metrics, kind string, series []metricdata.DataPoint[N]) {
	if len(series) == 0 {
		return
	}
	name := head(w, m, kind)
	var lines []string
	for _, p := range series {
		lines = append(lines, name+labels(p.Attributes, "")+" "+number(float64(p.Value)))
	}
	slices.Sort(lines)
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}

func buckets[N int64 | float64](w io.Writer, m metricdata.Metrics, series []metricdata.HistogramDataPoint[N]) {
	if len(series) == 0 {
		return
	}
	name := head(w, m, "histogram")
	slices.SortFunc(series, func(a, b metricdata.HistogramDataPoint[N]) int {
		return strings.Compare(labels(a.Attributes, ""), labels(b.Attributes, ""))
	})
	for _, p := range series {
		sum := uint64(0)
		for i, n := range p.BucketCounts {
			sum += n
			le := "+Inf"
			if i < len(p.Bounds) {
				le = number(p.Bounds[i])
			}
			fmt.Fprintf(w, "%s_bucket%s %d\n", name, labels(p.Attributes, le), sum)
		}
		fmt.Fprintf(w, "%s_sum%s %s\n%s_count%s %d\n", name, labels(p.Attributes, ""), number(float64(p.Sum)), name, labels(p.Attributes, ""), p.Count)
	}
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// labels are a series' attributes, which the SDK keeps sorted, and the bound of a bucket.
func labels(of attribute.Set, le string) string {
	var parts []string
	for it := of.Iter(); it.Next(); {
		a := it.Attribute()
		parts = append(parts, strings.ReplaceAll(string(a.Key), ".", "_")+`="`+quoted.Replace(strings.ToValidUTF8(a.Value.Emit(), "?"))+`"`)
	}
	if le != "" {
		parts = append(parts, `le="`+le+`"`)
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
