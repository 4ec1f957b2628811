package session

import "strings"

// Device says in a few words what a User-Agent header claims, such as "Firefox on
// Windows": enough for a person to recognise their own, too little to follow anybody
// by. No text of the header itself is in it.
func Device(userAgent string) string {
	if len(userAgent) > 1024 {
		userAgent = userAgent[:1024]
	}
	browser, system := first(userAgent, browsers), first(userAgent, systems)
	switch {
	case browser == "" && system == "":
		return ""
	case system == "":
		return browser
	case browser == "":
		return "a browser on " + system
	}
	return browser + " on " + system
}

type mark struct{ text, name string }

// The order matters: nearly everyone claims to be Safari, and many to be Chrome.
var browsers = []mark{
	{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
}

var systems = []mark{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}

func first(s string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(s, m.text) {
			return m.name
		}
	}
	return ""
}
