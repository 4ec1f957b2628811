package providers

import (
	"context"
	"sync"
	"time"
)

// kept is something fetched from the upstream: loaded when first needed, by one
// request at a time however many wait, and kept while later loads fail.
//
// A load runs under its own deadline and not under that of the login that began
// it: a person who leaves must not spoil it for the others.
type kept[T any] struct {
	load     func(context.Context) (T, *Error)
	now      func() time.Time
	patience time.Duration // for a load

	mu      sync.Mutex
	value   T
	turn    int       // how many loads succeeded; 0: there is no value
	at      time.Time // of the last success
	failure *Error    // of the last load, nil when it succeeded
	tried   time.Time // when the last load ended
	running *load
}

type load struct {
	done    chan struct{}
	failure *Error
}

// view is what is kept at one moment.
type view[T any] struct {
	value   T
	turn    int
	age     time.Duration
	failure *Error        // of the last load
	rest    time.Duration // since the last load ended
	running bool
}

func (k *kept[T]) look() view[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	return view[T]{k.value, k.turn, now.Sub(k.at), k.failure, now.Sub(k.tried), k.running != nil}
}

// start begins a load, or joins the one that runs.
func (k *kept[T]) start(ctx context.Context) *load {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running != nil {
		return k.running
	}
	l := &load{done: make(chan struct{})}
	k.running = l
	go k.run(context.WithoutCancel(ctx), l)
	return l
}

func (k *kept[T]) run(ctx context.Context, l *load) {
	// A little less than a login has, so that those who wait hear why.
	ctx, cancel := context.WithTimeout(ctx, k.patience*9/10)
	defer cancel()
	value, failure := k.load(ctx)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.failure, k.tried, k.running = failure, k.now(), nil
	if failure == nil {
		k.value, k.at = value, k.tried
		k.turn++
	}
	l.failure = failure
	close(l.done)
}

// wait returns why the load failed, or nil; it waits no longer than ctx.
func (l *load) wait(ctx context.Context) *Error {
	select {
	case <-l.done:
		return l.failure
	case <-ctx.Done():
		return unreachable("the upstream", ctx.Err())
	}
}
