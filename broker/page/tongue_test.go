package page

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAPageSpeaksTheLanguageThatSuitsBest(t *testing.T) {
	for _, row := range []struct{ why, uiLocales, accept, want string }{
		{"nobody says anything", "", "", "en"},
		{"the app asks", "de", "", "de"},
		{"the app's wish comes before the browser's", "fr", "de", "fr"},
		{"the first that exists of several", "ja fr de", "", "fr"},
		{"a region of a language", "de-AT", "", "de"},
		{"the browser's order is by weight", "", "de;q=0.3, fr;q=0.9, en;q=0.1", "fr"},
		{"a language that nobody translated", "ja", "", "en"},
		{"an unknown wish leaves the browser's", "ja", "de", "de"},
		{"damaged tags are passed over", "!! \x00 de", "", "de"},
		{"a damaged header is passed over", "", "de;q=x;;,,", "en"},
		{"a flood of languages is cut", strings.Repeat("ja ", 5000) + "de", "", "en"},
		{"an endless header is passed over", "", strings.Repeat("de,", 1000), "en"},
	} {
		w := httptest.NewRecorder()
		if err := pages(t).For(row.uiLocales, row.accept).SignedOut(w, SignedOut{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.Body.String(), `<html lang="`+row.want+`">`) || w.Header().Get("Content-Language") != row.want {
			t.Errorf("%s: want %s, got %s: %.60s", row.why, row.want, w.Header().Get("Content-Language"), w.Body)
		}
	}
}

// What people wrote themselves goes into a translation as it went into the original.
func TestS08_NamesAreEscapedInEveryLanguage(t *testing.T) {
	evil := `<script>alert(1)</script>%s%d"'&`
	for _, lang := range pages(t).Languages() {
		for _, s := range samples() {
			view := s.view
			switch v := view.(type) {
			case Chooser:
				v.App.Name, v.Buttons[0].Title = evil, evil
				view = v
			case SignOut:
				v.App.Name, v.Person = evil, evil
				view = v
			case ErrorPage:
				v.Sentence = evil
				view = v
			}
			w := render(t, pages(t).For(lang, ""), 400, view)
			if body := w.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "%!") {
				t.Errorf("%s in %s: %s", s.name, lang, body)
			}
		}
	}
}

func TestEveryPageIsInOneLanguage(t *testing.T) {
	for _, s := range samples() {
		w := render(t, pages(t).For("de", ""), 200, s.view)
		for _, english := range []string{"Sign in", "Sign out", "Choose the", "Allow", "Start again", "Your account", "Continue", "press the button", "Last used", "The app", "Privacy"} {
			if strings.Contains(w.Body.String(), english) {
				t.Errorf("the German page %s says %q", s.name, english)
			}
		}
	}
}
