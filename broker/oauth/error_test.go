package oauth

import (
	"errors"
	"testing"
)

func TestAnErrorsDescriptionKeepsToTheLettersOfRFC6749(t *testing.T) {
	for got, want := range map[string]string{"plain words": "plain words", `say "hello"`: "say 'hello'", `a\b`: "a/b", "a\r\nb": "a  b", "gr\u00fc\u00dfe": "gr??e", "don\u2019t": "don't"} {
		if e := E(AccessDenied, got); e.Description != want {
			t.Errorf("%q: got %q, want %q", got, e.Description, want)
		}
	}
}

func TestAnErrorTellsTheOperatorsCauseToTheOperatorOnly(t *testing.T) {
	cause := errors.New("rule 3 of house.yaml")
	e := E(AccessDenied, "no").Because(cause)
	if !errors.Is(e, cause) || e.Error() != "access_denied: no" {
		t.Errorf("got %q", e.Error())
	}
}
