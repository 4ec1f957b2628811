package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/handstamp/handstamp/providers"
)

// gauges are what the house is asked whenever somebody fetches /metrics.
type gauges struct {
	keyAge, skew, started, oldest             metric.Float64ObservableGauge
	up, waiting, build, goroutines, used, rss metric.Int64ObservableGauge
}

// gauge tells of the house itself: its keys, clock, providers, outbox and process.
func (h *house) gauge() error {
	p := h.telemetry.meter()
	if p == nil {
		return nil
	}
	m, g := p.Meter("github.com/handstamp/handstamp"), &gauges{}
	var all []metric.Observable
	var failed error
	seconds := func(to *metric.Float64ObservableGauge, name, why string) {
		i, err := m.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(why))
		*to, all = i, append(all, i)
		if err != nil {
			failed = err
		}
	}
	number := func(to *metric.Int64ObservableGauge, name, unit, why string) {
		i, err := m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(why))
		*to, all = i, append(all, i)
		if err != nil {
			failed = err
		}
	}
	seconds(&g.keyAge, "handstamp.signing_key.age", "Since a signing key was made, by algorithm and state; of several the oldest")
	seconds(&g.skew, "handstamp.clock.skew", "How far this node's clock is ahead of the database's")
	seconds(&g.oldest, "handstamp.logout.oldest", "How long the notice of a sign-out that waits the longest has waited")
	number(&g.waiting, "handstamp.logout.waiting", "", "Apps that wait to be told of the end of a session")
	number(&g.up, "handstamp.upstream.up", "", "1 while a provider answers, 0 while it is out of order; none where it was not asked yet")
	number(&g.build, "handstamp.build.info", "", "Always 1; the labels say what runs")
	seconds(&g.started, "process.start_time", "When the process began, in seconds since 1970")
	number(&g.goroutines, "go.goroutines", "", "Goroutines that exist")
	number(&g.used, "go.memory.used", "By", "Memory that the Go runtime has from the system and has not given back")
	number(&g.rss, "process.resident_memory", "By", "Memory that the process has in use, the program's own file included")
	if failed != nil {
		return fmt.Errorf("metrics: %w", failed)
	}
	began := time.Now()
	_, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		o.ObserveFloat64(g.started, float64(began.UnixMilli())/1000)
		o.ObserveInt64(g.build, 1, metric.WithAttributes(attribute.String("version", version()), attribute.String("go_version", runtime.Version())))
		observeProcess(g, o)
		h.observeProviders(g, o)
		return h.observeBook(ctx, g, o)
	}, all...)
	return err
}

// observeBook asks the database; where it does not answer these have no value.
func (h *house) observeBook(ctx context.Context, g *gauges, o metric.Observer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	skew, err := h.db.Skew(ctx)
	if err != nil {
		return err
	}
	o.ObserveFloat64(g.skew, skew.Seconds())
	waiting, oldest, err := h.db.Backlog(ctx)
	if err != nil {
		return err
	}
	o.ObserveInt64(g.waiting, waiting)
	age := 0.0
	if waiting > 0 {
		age = time.Since(oldest).Seconds()
	}
	o.ObserveFloat64(g.oldest, age)
	keys, _, err := h.db.Keys(ctx)
	if err != nil {
		return err
	}
	ages := map[[2]string]float64{}
	for _, k := range keys {
		of := [2]string{k.Alg, k.State}
		ages[of] = max(ages[of], time.Since(k.CreatedAt).Seconds())
	}
	for of, age := range ages {
		o.ObserveFloat64(g.keyAge, age, metric.WithAttributes(attribute.String("alg", of[0]), attribute.String("state", of[1])))
	}
	return nil
}

// observeProviders tells what logins have learnt of the providers. A scrape asks none of
// them, but for a few that were down: they must be seen to heal while nobody signs in.
func (h *house) observeProviders(g *gauges, o metric.Observer) {
	looks := 0
	for slug, upstream := range view(h.book.Current()).Upstreams {
		u, ok := upstream.(providers.Reporter)
		if !ok {
			continue
		}
		health, up := u.Health(), int64(1)
		if !health.Asked {
			continue
		}
		if health.Down {
			up = 0
			if looks < providers.MostLooks && u.LookAgain() {
				looks++
			}
		}
		o.ObserveInt64(g.up, up, metric.WithAttributes(attribute.String("provider", slug)))
	}
}

func observeProcess(g *gauges, o metric.Observer) {
	s := []metrics.Sample{{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	o.ObserveInt64(g.goroutines, int64(s[0].Value.Uint64()))
	o.ObserveInt64(g.used, int64(s[1].Value.Uint64()-s[2].Value.Uint64()))
	if b, err := os.ReadFile("/proc/self/statm"); err == nil { // only where there is one
		if f := bytes.Fields(b); len(f) > 1 {
			if pages, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
				o.ObserveInt64(g.rss, pages*int64(os.Getpagesize()))
			}
		}
	}
}
