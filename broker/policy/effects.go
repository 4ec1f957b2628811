package policy

import (
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/handstamp/handstamp/broker/directory"
)

// Effects replays logins under two snapshots and tells those that come out differently,
// in the order of the logins. What a login asked for and can no longer ask for counts
// as lost; one that its app could not even begin counts as not admitted.
func Effects(old, new *directory.Snapshot, logins []Login) []Effect {
	if old.Version() == new.Version() {
		return nil
	}
	found := make([]*Effect, len(logins))
	var next sync.Mutex
	at := 0
	var work sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(logins)/100) {
		work.Go(func() {
			for {
				next.Lock()
				from := at
				at += 100
				next.Unlock()
				if from >= len(logins) {
					return
				}
				for i := from; i < min(from+100, len(logins)); i++ {
					found[i] = effect(old, new, logins[i])
				}
			}
		})
	}
	work.Wait()
	var out []Effect
	for _, e := range found {
		if e != nil {
			out = append(out, *e)
		}
	}
	return out
}

// outcome is what a login comes to under one snapshot.
type outcome struct {
	admitted      bool
	refusal       string
	roles, scopes []string
	byRule        map[string]string
}

func effect(old, new *directory.Snapshot, l Login) *Effect {
	was, is := replay(old, l), replay(new, l)
	e := &Effect{Login: l, Admitted: is.admitted, WasAdmitted: was.admitted, Refusal: is.refusal,
		GainedRoles: minus(is.roles, was.roles), LostRoles: minus(was.roles, is.roles),
		GainedScopes: minus(is.scopes, was.scopes), LostScopes: minus(was.scopes, is.scopes)}
	if e.Admitted == e.WasAdmitted && len(e.GainedRoles)+len(e.LostRoles)+len(e.GainedScopes)+len(e.LostScopes) == 0 {
		return nil
	}
	e.ByRule = map[string]string{}
	e.name(is.byRule, e.GainedRoles, e.GainedScopes)
	e.name(was.byRule, e.LostRoles, e.LostScopes)
	return e
}

// name notes which rule gives, or gave, each of the roles and scopes.
func (e *Effect) name(by map[string]string, roles, scopes []string) {
	for _, r := range roles {
		if rule, ok := by["role "+r]; ok {
			e.ByRule["role "+r] = rule
		}
	}
	for _, s := range scopes {
		if rule, ok := by["scope "+s]; ok {
			e.ByRule["scope "+s] = rule
		}
	}
}

func replay(s *directory.Snapshot, l Login) outcome {
	q := Question{Provider: l.Provider, Client: l.Client, Claims: l.Claims, Scopes: l.Scopes, New: l.New, UserSubject: l.UserSubject}
	visit, _, err := q.visit(s)
	if err != nil {
		return outcome{refusal: err.Error()}
	}
	v, oerr := s.Decide(visit)
	switch {
	case oerr != nil:
		return outcome{refusal: oerr.Description}
	case v.Refusal != nil:
		return outcome{refusal: v.Refusal.ForOperator}
	}
	out := outcome{admitted: true, roles: v.Decision.Roles, scopes: slices.Clone(v.Scopes), byRule: map[string]string{}}
	slices.Sort(out.scopes)
	for _, step := range slices.Backward(v.Decision.Trace) { // of several, the first is named
		for _, r := range step.Roles {
			out.byRule["role "+r] = step.Rule
		}
		for _, sc := range step.Scopes {
			out.byRule["scope "+sc] = step.Rule
		}
	}
	return out
}

// minus lists what is in a and not in b, sorted.
func minus(a, b []string) []string {
	in := map[string]bool{}
	for _, s := range a {
		in[s] = true
	}
	for _, s := range b {
		delete(in, s)
	}
	if len(in) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(in))
}
