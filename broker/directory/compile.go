package directory

// Problem is one fault of a Document: where it is, what is wrong and what would
// likely be right. It never contains a secret.
type Problem struct {
	Path    string // clients[0].redirect_uris[1]
	Message string
	Hint    string // the likely fix, or ""
}

func (p Problem) String() string {
	text := p.Path + ": " + p.Message
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Compile checks a document and makes it ready for requests. It reports every
// problem at once, in the order of the document; the Snapshot is nil if there is one.
func Compile(issuer string, d Document) (*Snapshot, []Problem) {
	return &Snapshot{}, nil
}
