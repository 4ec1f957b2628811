package admin

import (
	"strings"
	"testing"

	"github.com/handstamp/handstamp/admin/api"
)

func FuzzAPeopleFile(f *testing.F) {
	f.Add("username,hash\nalice,$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde\n")
	f.Add(`{"username":"alice","hash":"x"}`)
	f.Add(`{"username":"alice","credentials":[{"type":"otp","secretData":"{}","credentialData":"{}"}]}`)
	f.Add("username,hash\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func([]byte) ([]imported, []api.LineProblem){readCSV, readJSONLines, readPeople} {
			people, problems := read([]byte(text))
			for _, p := range problems {
				if p.Line < 1 || p.Line > strings.Count(text, "\n")+1 || p.Message == "" || strings.Contains(p.Message, "\n") {
					t.Errorf("problem %+v", p)
				}
			}
			for _, p := range people {
				if p.account.Hash == "" || p.account.Login == "" {
					t.Errorf("person %+v", p)
				}
			}
		}
	})
}
