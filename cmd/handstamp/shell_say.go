package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/handstamp/handstamp/admin/api"
)

// answer prints what the API said, for programs.
func (v *visit) answer(what any, err error) error {
	if err != nil {
		return err
	}
	return printJSON(v.out, what)
}

// say prints a sentence.
func (v *visit) say(format string, args ...any) error {
	for i, a := range args {
		if text, ok := a.(string); ok { // what a provider or an administrator wrote does not command the terminal
			args[i] = oneLine(text)
		}
	}
	_, err := fmt.Fprintln(v.out, fmt.Sprintf(format, args...))
	return err
}

// The colours of a terminal. Nothing rests on them: each comes with a word or a sign.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

// painted is a text with the commands of colours in it.
type painted string

// paint colours a text of our own where there is a terminal that wants it.
func (v *visit) paint(color, text string) painted {
	if !v.color || text == "" {
		return painted(text)
	}
	return painted("\x1b[" + color + "m" + text + "\x1b[0m")
}

// colorful tells whether out is a terminal that takes colours (https://no-color.org).
func colorful(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// table is rows with columns below each other.
type table struct {
	w     *tabwriter.Writer
	rows  int
	width int
	err   error
}

// table begins one with the names of its columns.
func (v *visit) table(names ...string) *table {
	t := &table{w: tabwriter.NewWriter(v.out, 0, 4, 2, ' ', 0), width: len(names)}
	t.write(names)
	return t
}

// row adds one; a cell is kept on its line, whatever it holds.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case time.Time:
			texts[i] = moment(c)
		default:
			texts[i] = fmt.Sprint(c)
		}
	}
	t.rows++
	t.write(texts)
}

func (t *table) write(texts []string) {
	for i := range texts {
		if texts[i] = oneLine(texts[i]); texts[i] == "" {
			texts[i] = "-"
		}
	}
	if _, err := fmt.Fprintln(t.w, strings.Join(texts, "\t")); t.err == nil {
		t.err = err
	}
}

func (t *table) flush() error { return errors.Join(t.err, t.w.Flush()) }

// moment is a time for people: in their own zone, to the second.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// actor is who did something, in a few words.
func actorName(a api.Actor) string {
	switch {
	case a.Person != nil:
		return nameOf(a.Person)
	case a.ID == "":
		return a.Kind
	case a.Kind == "admin", a.Kind == "person":
		return a.ID
	}
	return a.Kind + " " + a.ID
}

// tellProblem writes what the API refused: the sentence, every place, and what to do.
func tellProblem(p *api.Problem) string {
	var b strings.Builder
	switch {
	case p.Detail == "":
		b.WriteString(oneLine(p.Title))
	case p.Kind() == api.NotFound: // whose title says no more
		b.WriteString(oneLine(p.Detail))
	default:
		b.WriteString(oneLine(p.Title) + ": " + oneLine(p.Detail))
	}
	for _, f := range p.Problems {
		b.WriteString("\n  ")
		if f.Path != "" {
			b.WriteString(oneLine(f.Path) + ": ")
		}
		b.WriteString(oneLine(f.Message))
		if f.Hint != "" {
			b.WriteString("\n      fix: " + oneLine(f.Hint))
		}
	}
	if next := nextStep(p); next != "" {
		b.WriteString("\n" + next)
	}
	if p.Status >= 500 && p.Instance != "" {
		b.WriteString("\nThe server's log has the cause under the reference " + oneLine(p.Instance) + ".")
	}
	return b.String()
}

// nextStep is what to do about it, where the shell knows more than the API.
func nextStep(p *api.Problem) string {
	switch p.Kind() {
	case api.Conflict:
		return "Somebody else changed the directory meanwhile: handstamp history shows who. Look at the new plan, then apply again."
	case api.LocksOut:
		return "If this is meant: --force, and then handstamp admin link is the way in."
	case api.BadToken:
		return "The token is of no use here any more: get a new one."
	case api.NoToken:
		return "Set HANDSTAMP_TOKEN."
	case api.TooFewScopes:
		return "It needs " + strings.Join(p.Scopes, " ") + "."
	case api.ReferenceRefused:
		return "Run this on the machine itself, without --url, or give the secret."
	}
	return ""
}
