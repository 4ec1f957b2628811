package providers

import (
	"fmt"
	"math"
	"strings"
)

// maxLogin bounds a login name.
const maxLogin = 100

// LoginName is the one spelling of a login name: how the keyboard capitalised it does
// not matter. It may not be a valid one.
func LoginName(typed string) string {
	name := strings.ToLower(strings.TrimSpace(typed))
	if len(name) > maxLogin {
		name = name[:maxLogin]
	}
	return strings.ToValidUTF8(name, "?")
}

// ValidLogin tells whether a login name may be given to somebody: plain ASCII, as no
// letter of another alphabet may look like somebody else's (L15).
func ValidLogin(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("._@+-", c) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= maxLogin
}

// shown is what goes back into the form.
func shown(login string) string {
	if !ValidLogin(login) {
		return ""
	}
	return login
}

func askPassword(login, problem string) *Ask {
	return &Ask{Lead: "Use the user name and password that you have here.", Problem: problem, Fields: []Field{
		{Name: "username", Label: "User name", Type: "text", Autocomplete: "username", Value: login},
		{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
	}}
}

func askCode(keep, problem string) *Ask {
	return &Ask{Lead: "Your authenticator app shows a code of six digits.", Problem: problem, Keep: keep, Fields: []Field{
		{Name: "code", Label: "Code", Type: "text", Autocomplete: "one-time-code", Numeric: true},
	}}
}

// wait says how long, in words that tell nothing about the account.
func wait(ask *Ask, held *Held) *Ask {
	seconds := int(math.Ceil(held.Wait.Seconds()))
	ask.Wait = held.Wait
	ask.Problem = fmt.Sprintf("There were too many failed tries. Please wait %d seconds and try again.", seconds)
	if seconds == 1 {
		ask.Problem = "There were too many failed tries. Please wait a second and try again."
	}
	return ask
}
