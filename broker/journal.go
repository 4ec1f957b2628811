package broker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handstamp/handstamp/storage"
)

const (
	journalLength   = 4096                   // logins that wait to be written; more are dropped and counted
	journalStranger = journalLength / 4      // of which people whom no provider vouched for may fill so many, at once
	strangersASec   = 50                     // and so many more each second: who floods the door does not flood the disk
	journalBatch    = 64                     // logins in one transaction
	journalPause    = 200 * time.Millisecond // how long the first of a batch waits for others
	journalPatience = 10 * time.Second       // for one write
)

// Journal writes the traces of logins behind everybody's back: no login waits for it, and
// none fails because of it. It holds a bounded number; what does not fit is dropped and
// counted, that of strangers first (docs/decisions/0044).
type Journal struct {
	keep    func(context.Context, []storage.Login) error
	log     *slog.Logger
	queue   chan entry
	waiting atomic.Int64 // of strangers
	dropped atomic.Int64
	pace    pace
	kept    atomic.Int64

	closing  sync.RWMutex // held for reading while somebody puts
	closed   bool
	finished chan struct{}
}

// entry is a login to keep, or a wish to hear when all before it are kept.
type entry struct {
	login    func() storage.Login // told by the journal, not by who is in a hurry
	stranger bool
	kept     chan<- struct{}
}

// NewJournal starts a journal that keeps by storage.DB.KeepLogins. Close it before the
// database.
func NewJournal(keep func(context.Context, []storage.Login) error, log *slog.Logger) *Journal {
	j := &Journal{keep: keep, log: log, pace: pace{left: journalStranger}, queue: make(chan entry, journalLength), finished: make(chan struct{})}
	go j.run()
	return j
}

// pace lets a burst of strangers through, and then a trickle.
type pace struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

func (p *pace) allows(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = min(journalStranger, p.left+max(0, now.Sub(p.at).Seconds())*strangersASec)
	p.at = now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}

// put queues a login. stranger says that no provider vouched for the person: anybody can
// cause such an entry.
func (j *Journal) put(now time.Time, stranger bool, login func() storage.Login) {
	j.closing.RLock()
	defer j.closing.RUnlock()
	if j.closed || stranger && (j.waiting.Load() >= journalStranger || !j.pace.allows(now)) {
		j.dropped.Add(1)
		return
	}
	select {
	case j.queue <- entry{login: login, stranger: stranger}:
		if stranger {
			j.waiting.Add(1)
		}
	default:
		j.dropped.Add(1)
	}
}

// Flush returns when everything that was put before it is kept.
func (j *Journal) Flush(ctx context.Context) error {
	kept := make(chan struct{})
	if err := j.ask(ctx, kept); err != nil {
		return err
	}
	select {
	case <-kept:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Journal) ask(ctx context.Context, kept chan<- struct{}) error {
	j.closing.RLock()
	defer j.closing.RUnlock()
	if j.closed {
		close(kept)
		return nil
	}
	select {
	case j.queue <- entry{kept: kept}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close keeps what waits and stops. What is put later is dropped.
func (j *Journal) Close() {
	j.closing.Lock()
	if !j.closed {
		j.closed = true
		close(j.queue)
	}
	j.closing.Unlock()
	<-j.finished
}

// Dropped counts the logins that were not kept, since the queue was full or the database
// did not take them.
func (j *Journal) Dropped() int64 { return j.dropped.Load() }

// Kept counts the logins that were.
func (j *Journal) Kept() int64 { return j.kept.Load() }

// Waiting tells how many logins are queued now, and how many fit.
func (j *Journal) Waiting() (now, most int) { return len(j.queue), cap(j.queue) }

func (j *Journal) run() {
	defer close(j.finished)
	told := int64(0)
	for first := range j.queue {
		batch, kept := j.gather(first)
		j.write(batch)
		for _, k := range kept {
			close(k)
		}
		if now := j.dropped.Load(); now > told {
			j.log.Warn("traces of logins were dropped", "more", now-told, "since_start", now)
			told = now
		}
	}
}

// gather waits a moment for others, so that a busy house writes a few times a second and
// not once a login.
func (j *Journal) gather(first entry) (batch []storage.Login, kept []chan<- struct{}) {
	pause := time.NewTimer(journalPause)
	defer pause.Stop()
	for e, ok := first, true; ok; {
		if e.stranger {
			j.waiting.Add(-1)
		}
		if e.kept != nil {
			return batch, append(kept, e.kept)
		}
		batch = append(batch, e.login())
		if len(batch) == journalBatch {
			break
		}
		select {
		case e, ok = <-j.queue:
		case <-pause.C:
			return batch, kept
		}
	}
	return batch, kept
}

func (j *Journal) write(batch []storage.Login) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), journalPatience)
	defer cancel()
	if err := j.keep(ctx, batch); err != nil {
		j.dropped.Add(int64(len(batch)))
		j.log.Error("traces of logins could not be kept", "logins", len(batch), "cause", err)
		return
	}
	j.kept.Add(int64(len(batch)))
}
