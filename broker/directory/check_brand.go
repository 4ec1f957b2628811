package directory

import (
	"regexp"

	"github.com/handstamp/handstamp/broker/oauth"
)

// Brand is what the pages show of the house itself. What is empty is as the settings
// of the installation say.
type Brand struct {
	Name      string `yaml:"name" json:"name,omitzero"`
	Logo      string `yaml:"logo" json:"logo,omitzero"`
	PolicyURI string `yaml:"policy_uri" json:"policy_uri,omitzero"`
	TOSURI    string `yaml:"tos_uri" json:"tos_uri,omitzero"`
	Accent    string `yaml:"accent" json:"accent,omitzero"` // #rrggbb
}

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// CheckBrand tells what is wrong with a brand; paths begin at its own key.
func CheckBrand(b Brand) (problems []Problem) {
	at := report{problems: &problems}.at("brand")
	if !oauth.CleanText(b.Name) || len(b.Name) > 80 { // also no letters that turn the line around
		at.at("name").say("the name is one line of at most 80 bytes", "")
	}
	at.link("logo", b.Logo)
	at.link("policy_uri", b.PolicyURI)
	at.link("tos_uri", b.TOSURI)
	at.accent(b.Accent)
	return problems
}

// accent checks a colour.
func (r report) accent(value string) {
	if value != "" && !colour.MatchString(value) {
		r.at("accent").say(quoted(value)+" is not a colour", `six hexadecimal digits after a #, in quotes: "#1a7f5a"`)
	}
}
