// Package page is every word and picture that a person sees on the way through
// a login, and the headers that keep those pages safe.
//
//	          ┌▶ Chooser ─▶ (upstream) ─▶ Consent ─┐
//	          │          └▶ Ask ────────▶          │
//	/authorize┤                                    ├─▶ the app   (or FormPost)
//	          └▶ Continue ────────────────────────┘
//	/logout ────▶ SignOut ─▶ SignedOut
//	/account ───▶ Account
//	/invitation ▶ Ask ─────▶ Done
//	an error ───▶ ConfirmRedirect ─▶ an app that nobody vouches for
//	          └─▶ Error
//
// It owns the templates, the one stylesheet, the Content-Security-Policy and the
// escaping of everything that an admin, an upstream or a stranger wrote. Pages
// work without JavaScript; nothing comes from another host except a logo that an
// admin configured. It leaves to broker which page is shown, when, and with what.
package page

// Brand is what the people who run the broker call themselves.
type Brand struct {
	Name      string // "Handstamp" when empty
	Logo      string // https URL of a picture; empty for the built-in mark
	PolicyURI string // https URL of the privacy policy, or ""
	TOSURI    string // https URL of the terms of service, or ""
	Accent    string // colour of buttons and links as #rrggbb; empty for the built-in one
}

// App is the application that a person is on the way to, in its admin's words.
type App struct {
	Name      string
	Logo      string // https URL of a picture, or ""
	PolicyURI string // https URL, or ""
	TOSURI    string // https URL, or ""
	Accent    string // its own colour, or "" for the brand's
}

// Chooser asks which provider to sign in with.
type Chooser struct {
	App        App
	Buttons    []ChooserButton
	CancelHref string // back to the app without signing in, or ""
}

// ChooserButton is one way to sign in. A provider that is down keeps its link:
// trying it is how anyone learns that it is back.
type ChooserButton struct {
	Slug       string // the element's id is "provider-" + Slug
	Title      string // "Google"
	Href       string
	Icon       string // https URL of a picture; empty for a neutral letter
	Down       bool
	DownReason string // one short sentence for the person; a default when empty
}

// Continue offers the session that a browser already has.
type Continue struct {
	App          App
	Person       string // "Alice Example (alice@acme.example)"
	Provider     string // title of the provider that recognised the person
	ContinueHref string
	OtherHref    string // "not you?"
	CancelHref   string // back to the app without signing in, or ""
}

// Consent asks whether an app may have what it asked for.
type Consent struct {
	App          App
	Person       string
	Scopes       []ScopeLine
	Action       string // where the form posts to
	Tx, Token    string // hidden fields "tx" and "token"
	NotYouHref   string // sign in as somebody else, or ""
	RedirectHost string // where the answer goes, so that a person can judge it
}

// ScopeLine is one permission in words.
type ScopeLine struct{ Name, Description string }

// ErrorPage is one sentence for the person and a reference for the operator.
type ErrorPage struct {
	Title       string
	Sentence    string
	Code        string // protocol error code, or ""
	Reference   string
	RestartHref string // where to begin again, or ""
}

// SignOut asks before it ends a session.
type SignOut struct {
	App        App // the zero App when no app asked
	Person     string
	Action     string // where the form posts to
	Token      string // hidden field "token"
	Fields     map[string]string
	CancelHref string // stay signed in, or ""
}

// SignedOut says that the session has ended.
type SignedOut struct {
	App      App
	BackHref string // back to the app, or ""
}

// FormPost carries an answer by POST (OAuth 2.0 Form Post Response Mode). It
// submits itself, and shows a button where scripts do not run.
type FormPost struct {
	Action string // absolute http or https URL
	Fields []Field
}

// Field is one hidden form field.
type Field struct{ Name, Value string }
