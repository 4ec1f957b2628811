package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	spans "go.opentelemetry.io/otel/trace"
)

const meterName = "github.com/handstamp/handstamp/storage"

// gauges are what the book measures of itself; nil where nobody asked.
type gauges struct {
	writes metric.Float64Histogram
	batch  metric.Int64Histogram
	audit  metric.Int64Counter
}

// measure begins to measure writes, where somebody wants to know.
func (d *DB) measure(p metric.MeterProvider) error {
	if p == nil {
		return nil
	}
	m, g := p.Meter(meterName), &gauges{}
	var errs [3]error
	g.writes, errs[0] = m.Float64Histogram("handstamp.storage.write.duration", metric.WithUnit("s"),
		metric.WithDescription("How long a write took until it was durable, waiting included"),
		metric.WithExplicitBucketBoundaries(.001, .005, .025, .1, .5, 2.5))
	g.audit, errs[1] = m.Int64Counter("handstamp.audit.rows", metric.WithDescription("Audit rows that were committed, by action"))
	if e, ok := d.engine.(*sqliteEngine); ok {
		g.batch, errs[2] = m.Int64Histogram("handstamp.storage.batch.writes",
			metric.WithDescription("Writes that one commit of SQLite's writer took in"), metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256))
		_, err := m.Int64ObservableGauge("handstamp.storage.queue", metric.WithDescription("Writes that wait for SQLite's writer"),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				o.Observe(int64(len(e.writer.queue)))
				return nil
			}))
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		e.writer.batched.Store(&g.batch)
	}
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	d.gauges = g
	return nil
}

// watch is told of one write when it begins, and gives back what to do when it has ended.
func (d *DB) watch(ctx context.Context, act string) (context.Context, func(error)) {
	parent := spans.SpanFromContext(ctx)
	if d.gauges == nil && !parent.IsRecording() {
		return ctx, func(error) {}
	}
	began := time.Now()
	var span spans.Span
	if parent.IsRecording() {
		ctx, span = parent.TracerProvider().Tracer(meterName).Start(ctx, "storage "+act, spans.WithSpanKind(spans.SpanKindClient),
			spans.WithAttributes(attribute.String("db.system.name", d.system())))
	}
	return ctx, func(err error) {
		outcome := outcomeOf(err)
		if g := d.gauges; g != nil {
			g.writes.Record(context.Background(), time.Since(began).Seconds(), metric.WithAttributes(attribute.String("act", act), attribute.String("outcome", outcome)))
		}
		if span == nil {
			return
		}
		span.SetAttributes(attribute.String("outcome", outcome))
		if outcome == "failed" || outcome == "unavailable" {
			span.SetStatus(codes.Error, outcome)
		}
		span.End()
	}
}

func (d *DB) system() string {
	if _, ok := d.engine.(*sqliteEngine); ok {
		return "sqlite"
	}
	return "postgresql"
}

// refusals are answers to what was asked: the database did its part.
var refusals = []error{ErrNotFound, ErrMismatch, ErrExpired, ErrUsed, ErrReused, ErrRevoked, ErrStateSpent, ErrReplayed, ErrNoUser, ErrDisabled,
	ErrPasswordChanged, ErrIssuerChanged, ErrConflict}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrOutcomeUnknown):
		return "unavailable"
	}
	for _, r := range refusals {
		if errors.Is(err, r) {
			return "refused"
		}
	}
	return "failed"
}

// ledger notes the audit rows of one write, so that they are counted once they are
// committed, and once only.
type ledger struct {
	runner
	actions []string
}

func noted(q runner, action string) {
	if l, ok := q.(*ledger); ok {
		l.actions = append(l.actions, action)
	}
}

func (d *DB) count(l *ledger) {
	if l == nil {
		return
	}
	for _, action := range l.actions {
		d.gauges.audit.Add(context.Background(), 1, metric.WithAttributes(attribute.String("action", action)))
	}
}

// Backlog tells how many apps wait to be told of the end of a session, and since when the
// one waits that is due the longest.
func (d *DB) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	err = d.read(ctx, `SELECT COUNT(*), COALESCE(MIN(created_at), 0) FROM logout_outbox WHERE settled_at = 0`).Scan(&waiting, when{&oldest})
	return waiting, oldest, found("count notices", err)
}
