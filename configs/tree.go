package configs

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxTokens = 60_000
	maxDepth  = 16   // lists and maps inside each other, in brackets or dashes
	maxIndent = 200  // columns
	maxNames  = 1000 // in one list of settings: the parser compares them pairwise
)

// tree parses the file into its syntax tree. What settings do not need is refused
// before the parser sees it: anchors and aliases (a few lines of them unfold to
// gigabytes), merge keys, tags, complex keys, deep nesting. The parser recurses and
// compares keys pairwise, so its input has to be bounded here.
func tree(name string, b []byte) (*ast.MappingNode, *Problem) {
	return boundedTree(name, b, maxFile, maxTokens)
}

func boundedTree(name string, b []byte, maxFile, maxTokens int) (*ast.MappingNode, *Problem) {
	at := func(t *token.Token, hint, message string, args ...any) *Problem {
		p := &Problem{File: name, Message: fmt.Sprintf(message, args...), Hint: hint}
		if t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
		return p
	}
	if len(b) > maxFile {
		return nil, at(nil, "", "the file is larger than %d KiB", maxFile>>10)
	}
	if !utf8.Valid(b) {
		return nil, at(nil, "save it as UTF-8", "the file is not UTF-8 text")
	}
	tokens := lexer.Tokenize(string(b))
	if len(tokens) > maxTokens {
		return nil, at(tokens[maxTokens], "", "the file has more than %d words and signs", maxTokens)
	}
	if p := guard(tokens, at); p != nil {
		return nil, p
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // doubles are reported with all else
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			// Only the message: the error's own text quotes the lines around it, and a secret may stand there.
			return nil, at(syntax.GetToken(), syntaxHint(syntax.GetMessage()), "this is not YAML: %s", syntaxWords(syntax.GetMessage()))
		}
		return nil, at(nil, "", "this is not YAML")
	}
	var root *ast.MappingNode
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, at(doc.Body.GetToken(), "remove the --- line, or the second part", "the file holds more than one document")
		}
		m, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			return nil, at(doc.Body.GetToken(), "begin with: issuer: https://login.example.com", "the file must be a list of settings, each with its name")
		}
		root = m
	}
	if root == nil {
		return nil, at(nil, "begin with: issuer: https://login.example.com", "the file is empty")
	}
	return root, nil
}

const tabFound = "found character '\t'"

// syntaxWords keeps the parser's messages, none of which quotes more than a sign. A
// tab is named, since nobody sees it.
func syntaxWords(message string) string {
	switch {
	case strings.Contains(message, tabFound):
		return "a tab stands where spaces are expected"
	case len(message) > 120:
		return "a syntax error"
	}
	return message
}

// syntaxHint is the likely fix of what the parser could not read.
func syntaxHint(message string) string {
	switch {
	case strings.Contains(message, tabFound):
		return "replace the tab by spaces; many editors have a switch for it"
	case strings.HasPrefix(message, "',' or ']'"): // [${NAME}]
		return `entries in [ ] are separated by commas, and one with a brace or a colon in it needs quotes: ["${NAME}"]`
	}
	return "indentation is by spaces, a list entry begins with a dash and a space, a text with : or # in it needs quotes"
}

// guard looks at the words of the file before they are put together.
func guard(tokens token.Tokens, at func(*token.Token, string, string, ...any) *Problem) *Problem {
	flow, dashes, line := 0, 0, 0
	var names []struct{ column, n int } // of the settings inside each other
	for i, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType:
			return at(t, "write the value out; a text that begins with & or * needs quotes", "anchors and aliases are not accepted")
		case token.MergeKeyType:
			return at(t, "write the settings out", "merge keys are not accepted")
		case token.TagType:
			return at(t, "leave it out; a text that begins with ! needs quotes", "tags are not accepted")
		case token.MappingKeyType:
			return at(t, "write name: value", "complex keys are not accepted")
		case token.DirectiveType:
			return at(t, "leave it out", "directives are not accepted")
		case token.SequenceStartType, token.MappingStartType:
			if flow++; flow > maxDepth {
				return at(t, "", "brackets stand inside each other more than %d deep", maxDepth)
			}
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType:
			if t.Position.Line != line {
				line, dashes = t.Position.Line, 0
			}
			for flow == 0 && len(names) > 0 && names[len(names)-1].column > t.Position.Column {
				names = names[:len(names)-1]
			}
			if dashes++; dashes > maxDepth || flow == 0 && t.Position.Column > maxIndent {
				return at(t, "", "lists stand inside each other too deeply")
			}
		case token.MappingValueType:
			if flow > 0 || i == 0 {
				break
			}
			column := tokens[i-1].Position.Column
			if column > maxIndent {
				return at(t, "", "settings stand inside each other too deeply")
			}
			for len(names) > 0 && names[len(names)-1].column > column {
				names = names[:len(names)-1]
			}
			if len(names) == 0 || names[len(names)-1].column < column {
				names = append(names, struct{ column, n int }{column, 0})
			}
			if names[len(names)-1].n++; names[len(names)-1].n > maxNames {
				return at(t, "", "more than %d settings stand in one place", maxNames)
			}
		}
	}
	return nil
}
