package console

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// pending keeps forms that wait for their person to sign in again, so that nothing
// typed is lost. They never travel in an address.
type pending struct {
	mu   sync.Mutex
	now  func() time.Time
	rows map[string]waiting
	size int
}

// waiting is one form as it was sent.
type waiting struct {
	owner  string // whose it is: the session's person, or the session by link
	path   string
	form   url.Values
	size   int
	stored time.Time
}

const (
	pendingLife = 15 * time.Minute
	pendingMost = 32 << 20 // bytes, all forms together
)

func newPending(now func() time.Time) *pending {
	return &pending{now: now, rows: map[string]waiting{}}
}

// keep stores a form, and names it.
func (p *pending) keep(owner, path string, form url.Values) (id string) {
	w := waiting{owner: owner, path: path, form: url.Values{}, stored: p.now()}
	for name, values := range form {
		if name != csrfField {
			w.form[name] = values
			w.size += len(name) + len(strings.Join(values, "")) + 64
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, row := range p.rows {
		if p.now().Sub(row.stored) > pendingLife {
			p.drop(key)
		}
	}
	for p.size+w.size > pendingMost && len(p.rows) > 0 { // the oldest goes
		oldest := ""
		for key, row := range p.rows {
			if oldest == "" || row.stored.Before(p.rows[oldest].stored) {
				oldest = key
			}
		}
		p.drop(oldest)
	}
	id = strings.ToLower(rand.Text())
	p.rows[id], p.size = w, p.size+w.size
	return id
}

func (p *pending) drop(id string) {
	p.size -= p.rows[id].size
	delete(p.rows, id)
}

// find gives a form back to whom it belongs.
func (p *pending) find(owner, id string) (waiting, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.rows[id]
	if !ok || w.owner != owner || p.now().Sub(w.stored) > pendingLife {
		return waiting{}, false
	}
	return w, true
}

// owner names whose forms may wait.
func (s *session) owner() string {
	if s.Sub != "" {
		return "sub:" + s.Sub
	}
	return "session:" + s.ID
}

func (c *Console) pendingRoutes() []route {
	return []route{
		{"GET /confirm/{id}", nobody, c.askAgain},
		{"GET /again/{id}", anyone, c.again},
	}
}

// askAgain explains why the person is asked who they are once more.
func (c *Console) askAgain(v *visit) error {
	return v.show("confirm-you", "Is it still you?", "/sign-in?as=again&to=/again/"+v.arg("id"))
}

// again shows a form that waited. It is sent, or opened once more, by its own button.
func (c *Console) again(v *visit) error {
	w, ok := c.pending.find(v.session.owner(), v.arg("id"))
	if !ok {
		return v.tell(http.StatusGone, "This form has waited too long", "What you typed was kept for fifteen minutes, or on another node. Please fill it in again.", "/")
	}
	type field struct {
		Name, Value string
		Shown       bool
	}
	data := struct {
		Action string
		Fields []field
	}{Action: w.path}
	for name, values := range w.form {
		for _, value := range values {
			secret := strings.Contains(name, "secret") || strings.Contains(name, "password")
			data.Fields = append(data.Fields, field{name, value, !secret && value != "" && !strings.HasPrefix(name, "_")})
		}
	}
	slices.SortStableFunc(data.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return v.show("again", "Nothing was lost", data)
}

// reopened tells whether a form that waited wants to be looked at before it is sent.
func (v *visit) reopened() bool { return v.typed("_again") == "open" }
