package admin

import (
	"net/http"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/directory"
)

// peopleRoutes are those of people, logins, administrators and the audit.
func peopleRoutes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		read, write, own           = directory.ReadUsers, directory.WriteUsers, directory.WriteOwners
		span                       = " since until"
	)
	return []route{
		{method: get, path: "/users", need: read, does: (*Server).users, query: "q disabled login provider" + paging, says: "People, the newest first; a page may be short and have a next one", out: api.Page[api.User]{}, more: []int{422}},
		{method: post, path: "/users", need: write, does: (*Server).makeUser, reason: true, says: "Make a person at a provider of kind local", out: api.MadeUser{}, in: api.NewUser{}, status: 201, more: []int{409, 422}},
		{method: post, path: "/users/import", need: write, does: (*Server).importUsers, query: "provider dry_run", reason: true, big: true, says: "Take over a file of people with their password hashes: CSV, or JSON lines", out: api.Imported{}, in: file("application/octet-stream"), more: []int{409, 422}},
		{method: get, path: "/users/:sub", need: read, does: (*Server).showUser, says: "One person", out: api.User{}},
		{method: patch, path: "/users/:sub", need: write, does: (*Server).patchUser, query: "force", reason: true, says: "Disable or enable a person", out: api.User{}, in: api.UserChange{}, more: []int{409}},
		{method: del, path: "/users/:sub", need: own, does: (*Server).eraseUser, query: "force", reason: true, fresh: true, says: "Erase a person and everything personal about them", more: []int{409}},
		{method: get, path: "/users/:sub/export", need: own, does: (*Server).exportUser, reason: true, fresh: true, says: "Everything that is kept about a person", out: api.UserExport{}},
		{method: get, path: "/users/:sub/identities", need: read, does: (*Server).listIdentities, says: "The ways in which a person is known", out: api.Page[api.Identity]{}},
		{method: put, path: "/users/:sub/identities/:provider/:key", need: own, does: (*Server).link, query: "force", reason: true, fresh: true, says: "Give a person one, or one that somebody else has", out: api.Identity{}, in: api.IdentityHolder{}, more: []int{409, 422}},
		{method: del, path: "/users/:sub/identities/:provider/:key", need: write, does: (*Server).unlink, query: "force", reason: true, fresh: true, says: "Take one of them away", more: []int{409}},
		{method: get, path: "/users/:sub/sessions", need: read, does: (*Server).listSessions, says: "Where a person is signed in", out: api.Page[api.Session]{}},
		{method: del, path: "/users/:sub/sessions", need: write, does: (*Server).endSessions, query: "offline", reason: true, says: "Sign a person out everywhere", out: api.Ended{}},
		{method: del, path: "/users/:sub/sessions/:sid", need: write, does: (*Server).endSession, reason: true, says: "Sign a person out of one browser"},
		{method: get, path: "/users/:sub/access", need: read, does: (*Server).listAccess, query: "client", says: "What apps may do for a person, and why", out: api.Page[api.Access]{}},
		{method: del, path: "/users/:sub/access/:client", need: write, does: (*Server).endAccess, reason: true, says: "Take it from one app"},
		{method: del, path: "/users/:sub/consents/:client", need: write, does: (*Server).forgetConsent, query: "host", reason: true, says: "Forget what a person agreed to"},
		{method: post, path: "/users/:sub/invitation", need: write, does: (*Server).inviteUser, reason: true, fresh: true, says: "Make a link with which a person chooses a password", out: api.Invitation{}, status: 201, more: []int{409}},
		{method: put, path: "/users/:sub/password", need: write, does: (*Server).setPassword, reason: true, fresh: true, says: "Give a person a new password", out: api.NewPassword{}, in: api.NewPassword{}, more: []int{409, 422}},
		{method: post, path: "/users/:sub/second-factor", need: write, does: (*Server).setSecondFactor, reason: true, fresh: true, says: "Give a person a new secret for an authenticator app", out: api.SecondFactor{}, status: 201, more: []int{409}},
		{method: del, path: "/users/:sub/second-factor", need: write, does: (*Server).dropSecondFactor, reason: true, fresh: true, says: "Let a person sign in with the password alone", more: []int{409}},

		{method: get, path: "/logins", need: directory.ReadLogins, does: (*Server).logins, query: "client provider outcome user q" + span + paging, says: "Recorded logins, the newest first; a page may be short and have a next one", out: api.Page[api.Login]{}},
		{method: get, path: "/logins/stats", need: directory.ReadLogins, does: (*Server).loginStats, query: span, says: "Logins by hour", out: api.LoginStats{}},
		{method: get, path: "/logins/:reference", need: directory.ReadLogins, does: (*Server).login, says: "One login, by the reference that its error page showed", out: api.Login{}},

		{method: get, path: "/admins", need: read, does: (*Server).admins, says: "Who may administer, owners first", out: api.Page[api.Admin]{}},
		{method: put, path: "/admins/:provider/:key", need: own, does: (*Server).setAdmin, query: "force", reason: true, fresh: true, says: "Give an identity a role", out: api.Admin{}, in: api.AdminRole{}, more: []int{409, 422}},
		{method: del, path: "/admins/:provider/:key", need: own, does: (*Server).dropAdmin, query: "force", reason: true, fresh: true, says: "Take the role away", more: []int{409}},
		{method: post, path: "/admin-links", need: anybody, does: (*Server).makeLink, reason: true, shell: true, says: "Make a link that gives an owner's session, once", out: api.AdminLink{}, status: 201, more: []int{409}},
		{method: del, path: "/admin-links", need: own, does: (*Server).endLinks, reason: true, fresh: true, says: "End every link and the sessions that they gave", out: api.Ended{}},
		{method: post, path: "/admin-links/take", need: public, does: (*Server).takeLink, says: "Use a link up", out: api.LinkSession{}, in: api.TakenLink{}, status: 201, more: []int{401, 404, 410, 503}},
		{method: del, path: "/admin-links/session", need: anybody, does: (*Server).endLink, says: "End the session of the caller's link", more: []int{409}},

		{method: get, path: "/audit", need: directory.ReadAudit, does: (*Server).audit, query: "actor action target user" + span + paging, says: "Who did what, the newest first; a page may be short and have a next one", out: api.Page[api.Audit]{}},
		{method: get, path: "/audit/export", need: directory.ReadAudit, does: (*Server).exportAudit, query: "actor action target user" + span, says: "The audit as JSON lines", out: file("application/jsonl")},
		{method: get, path: "/audit/verify", need: directory.ReadAudit, does: (*Server).verifyAudit, says: "Whether the audit is as it was written", out: api.AuditReport{}},

		{method: get, path: "/logout-notices", need: directory.ReadUsers, does: (*Server).notices, query: "client outcome user" + paging, says: "What apps were told of ended sessions, the newest first", out: api.Page[api.Notice]{}},
	}
}
