package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// tongue is one language that pages speak. The English words stand where they are
// used, in templates and in the broker; a message file gives each its translation.
type tongue struct {
	tag      language.Tag
	messages map[string]string // English → this language; nil for English itself
	pages    func() (map[string]*template.Template, error)
}

// tongues are all languages there are, the first being the one for everybody else.
type tongues struct {
	list    []*tongue
	matcher language.Matcher
}

// learn reads the message files. Their templates are made when somebody first needs
// them: most houses have people of one language.
func learn() (*tongues, error) {
	all := &tongues{list: []*tongue{{tag: language.English}}}
	names, err := fs.Glob(files, "messages/*.json")
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	for _, name := range names {
		t := &tongue{}
		if t.tag, err = language.Parse(strings.TrimSuffix(path.Base(name), ".json")); err != nil {
			return nil, fmt.Errorf("messages %s: %w", name, err)
		}
		b, err := files.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, &t.messages)
		}
		if err != nil {
			return nil, fmt.Errorf("messages %s: %w", name, err)
		}
		all.list = append(all.list, t)
	}
	tags := make([]language.Tag, len(all.list))
	for i, t := range all.list {
		tags[i] = t.tag
		t.pages = sync.OnceValues(t.parse)
	}
	all.matcher = language.NewMatcher(tags)
	return all, nil
}

// find picks the language that suits best: what the app asked for (ui_locales,
// OpenID Connect Core §3.1.2.1) before what the browser prefers (RFC 9110 §12.5.4).
// What cannot be read is passed over, never an error.
func (ts *tongues) find(uiLocales, acceptLanguage string) *tongue {
	for _, wish := range [][]language.Tag{parseLocales(uiLocales), parseAccepted(acceptLanguage)} {
		if len(wish) == 0 {
			continue
		}
		if _, i, sure := ts.matcher.Match(wish...); sure >= language.High {
			return ts.list[i]
		}
	}
	return ts.list[0]
}

const maxWishes = 8 // languages of one person

func parseLocales(s string) (tags []language.Tag) {
	for _, one := range strings.Fields(s) {
		if tag, err := language.Parse(one); err == nil && len(tags) < maxWishes {
			tags = append(tags, tag)
		}
	}
	return tags
}

func parseAccepted(s string) []language.Tag {
	if len(s) > 512 {
		return nil
	}
	tags, _, err := language.ParseAcceptLanguage(s)
	if err != nil {
		return nil
	}
	return tags[:min(len(tags), maxWishes)]
}

// say gives a sentence in this language, with its blanks filled. A sentence that no
// file has, such as one that an administrator wrote, stays as it is.
func (t *tongue) say(english string, args ...any) string {
	text, ok := t.messages[english]
	if !ok {
		text = english
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// markup is say for templates: names in it keep to themselves, whatever direction
// they are written in.
func (t *tongue) markup(english string, args ...any) template.HTML {
	for i, a := range args {
		switch a := a.(type) {
		case template.HTML:
			args[i] = string(a)
		case string:
			args[i] = "<bdi>" + template.HTMLEscapeString(a) + "</bdi>"
		default:
			args[i] = template.HTMLEscapeString(fmt.Sprint(a))
		}
	}
	text := template.HTMLEscapeString(t.say(english))
	if len(args) > 0 {
		text = fmt.Sprintf(text, args...)
	}
	return template.HTML(text) // every part of it was escaped above
}

// parse makes the templates of this language.
func (t *tongue) parse() (map[string]*template.Template, error) {
	layout, err := template.New("").Funcs(template.FuncMap{"initial": initial, "t": t.markup, "time": t.time, "lang": t.tag.String}).ParseFS(files, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	out := map[string]*template.Template{}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		if page == "layout" {
			continue
		}
		one, err := layout.Clone()
		if err == nil {
			one, err = one.ParseFS(files, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", page, err)
		}
		out[page] = one
	}
	return out, nil
}
