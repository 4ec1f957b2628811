package configs

import (
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/handstamp/handstamp/providers"
)

var variable = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} by a variable of the environment; $${ is a plain ${. What
// comes out is a value and is never read as YAML again. The used names are returned
// for the scrubber.
func (d *decoder) expand(text string) (out string, used bool, fault, hint string) {
	out = variable.ReplaceAllStringFunc(text, func(m string) string {
		if m == "$${" {
			return "${"
		}
		used = true
		name := strings.TrimSuffix(strings.TrimPrefix(m, "${"), "}")
		if !strings.HasSuffix(m, "}") || !variableName.MatchString(name) {
			fault, hint = "a variable of the environment is written ${NAME}", "a plain ${ is written $${"
			return ""
		}
		value, ok := d.env(name)
		switch {
		case ok:
		case d.lenient:
			return name
		default:
			fault, hint = fmt.Sprintf("the environment variable %s is not set", name), "export it before starting, or name a file: file:/run/secrets/"+strings.ToLower(name)
			return ""
		}
		if looksSecret.MatchString(name) {
			d.hide(value, "${"+name+"}")
		}
		return value
	})
	return out, used, fault, hint
}

// looksSecret finds variables whose values are hidden wherever they appear, even
// if somebody puts one where no secret belongs.
var looksSecret = regexp.MustCompile(`(?i)SECRET|PASSWORD|PASSWD|TOKEN|_KEY|KEY_|CREDENTIAL`)

// secret reads a secret's value: as it stands, from ${NAME}, or from file:PATH.
func (d *decoder) secret(path, value string, fromEnv bool) (providers.Secret, string, string) {
	name, isFile := strings.CutPrefix(value, "file:")
	if !isFile {
		if carriesSecret(path, value) {
			if !fromEnv {
				d.literals = append(d.literals, path)
			}
			d.hide(value, redacted)
		}
		return providers.Secret(value), "", ""
	}
	b, mode, err := readFile(resolve(d.dir, name), maxSecret)
	switch {
	case err != nil:
		return "", fmt.Sprintf("the secret's file %s cannot be used: %v", name, err), ""
	case mode&^maxMode != 0:
		return "", fmt.Sprintf("the secret's file %s can be read by others (its mode is %04o)", name, mode), "chmod 0640 " + name + ", or stricter; in Kubernetes: defaultMode: 0440"
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Sprintf("the secret's file %s is empty", name), ""
	}
	d.hide(text, redacted)
	return providers.Secret(text), "", ""
}

// carriesSecret tells whether a value in a secret's place is one: a database URL
// without a password is not.
func carriesSecret(path, value string) bool {
	if path != "storage.url" && path != "outgoing.proxy" {
		return value != ""
	}
	u, err := url.Parse(value)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// redacted is what messages show for a secret.
const redacted = "[redacted]"

// hide remembers a value that no message may contain.
func (d *decoder) hide(value, instead string) {
	if len(value) >= 4 {
		d.hiding = append(d.hiding, value, instead)
		if u, err := url.Parse(value); err == nil && u.User != nil {
			if p, ok := u.User.Password(); ok && len(p) >= 4 {
				d.hiding = append(d.hiding, p, instead)
			}
		}
	}
}

// scrub removes secrets from messages. No message is written with one on purpose;
// this is for the day when somebody writes a secret where a name belongs.
func (d *decoder) scrub(problems []Problem) []Problem {
	if len(d.hiding) == 0 {
		return problems
	}
	r := strings.NewReplacer(d.hiding...)
	for i := range problems {
		p := &problems[i]
		p.Message, p.Hint = r.Replace(p.Message), r.Replace(p.Hint)
	}
	return problems
}

// refuseLiteralSecrets: a settings file that holds secrets is a secret file itself.
// from is the first of them that stands in the file at hand.
func (d *decoder) refuseLiteralSecrets(mode fs.FileMode, from int) {
	if d.lenient { // nothing is begun with it: tests and explain need no secret
		return
	}
	for _, path := range d.literals[from:] {
		d.problemAt(d.places.find(path).Position, path, "chmod 0640 "+d.file+", or write ${NAME} or file:PATH instead",
			fmt.Sprintf("a secret stands in a settings file that others can read (its mode is %04o)", mode))
	}
}
