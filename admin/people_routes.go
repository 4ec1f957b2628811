package admin

// peopleRoutes are those of people, logins, administrators and the audit.
func peopleRoutes() []route { return nil }
