package admin

import (
	"net/http"

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
		{method: get, path: "/users", need: read, does: (*Server).users, query: "q disabled login provider" + paging},
		{method: post, path: "/users", need: write, does: (*Server).makeUser, reason: true},
		{method: post, path: "/users/import", need: write, does: (*Server).importUsers, query: "provider dry_run", reason: true, big: true},
		{method: get, path: "/users/:sub", need: read, does: (*Server).showUser},
		{method: patch, path: "/users/:sub", need: write, does: (*Server).patchUser, reason: true},
		{method: del, path: "/users/:sub", need: own, does: (*Server).eraseUser, reason: true, fresh: true},
		{method: get, path: "/users/:sub/export", need: own, does: (*Server).exportUser, reason: true, fresh: true},
		{method: get, path: "/users/:sub/identities", need: read, does: (*Server).listIdentities},
		{method: del, path: "/users/:sub/identities/:provider/:key", need: write, does: (*Server).unlink, reason: true, fresh: true},
		{method: get, path: "/users/:sub/sessions", need: read, does: (*Server).listSessions},
		{method: del, path: "/users/:sub/sessions", need: write, does: (*Server).endSessions, query: "offline", reason: true},
		{method: del, path: "/users/:sub/sessions/:sid", need: write, does: (*Server).endSession, reason: true},
		{method: get, path: "/users/:sub/access", need: read, does: (*Server).listAccess, query: "client"},
		{method: del, path: "/users/:sub/access/:client", need: write, does: (*Server).endAccess, reason: true},
		{method: del, path: "/users/:sub/consents/:client", need: write, does: (*Server).forgetConsent, query: "host", reason: true},
		{method: post, path: "/users/:sub/invitation", need: write, does: (*Server).inviteUser, reason: true, fresh: true},
		{method: put, path: "/users/:sub/password", need: write, does: (*Server).setPassword, reason: true, fresh: true},
		{method: post, path: "/users/:sub/second-factor", need: write, does: (*Server).setSecondFactor, reason: true, fresh: true},
		{method: del, path: "/users/:sub/second-factor", need: write, does: (*Server).dropSecondFactor, reason: true, fresh: true},

		{method: get, path: "/logins", need: directory.ReadLogins, does: (*Server).logins, query: "client provider outcome user q" + span + paging},
		{method: get, path: "/logins/stats", need: directory.ReadLogins, does: (*Server).loginStats, query: span},
		{method: get, path: "/logins/:reference", need: directory.ReadLogins, does: (*Server).login},

		{method: get, path: "/admins", need: read, does: (*Server).admins},
		{method: put, path: "/admins/:provider/:key", need: own, does: (*Server).setAdmin, reason: true, fresh: true},
		{method: del, path: "/admins/:provider/:key", need: own, does: (*Server).dropAdmin, reason: true, fresh: true},
		{method: post, path: "/admin-links", need: anybody, does: (*Server).makeLink, reason: true, shell: true},
		{method: del, path: "/admin-links", need: own, does: (*Server).endLinks, reason: true, fresh: true},
		{method: post, path: "/admin-links/take", need: public, does: (*Server).takeLink},
		{method: del, path: "/admin-links/session", need: anybody, does: (*Server).endLink},

		{method: get, path: "/audit", need: directory.ReadAudit, does: (*Server).audit, query: "actor action target" + span + paging},
		{method: get, path: "/audit/export", need: directory.ReadAudit, does: (*Server).exportAudit, query: "actor action target" + span},
		{method: get, path: "/audit/verify", need: directory.ReadAudit, does: (*Server).verifyAudit},

		{method: get, path: "/logout-notices", need: directory.ReadUsers, does: (*Server).notices, query: "client outcome user" + paging},
	}
}
