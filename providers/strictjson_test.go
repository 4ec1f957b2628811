package providers

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestStrictJSON(t *testing.T) {
	for doc, ok := range map[string]bool{
		`{}`: true, ` {"a":1,"b":[{"a":1},{"a":2}],"c":{"a":1}} `: true, `{"a":{"b":1,"B":2}}`: true, `{"ß":1,"ss":2}`: true,
		``: false, `null`: false, `[]`: false, `"x"`: false, `1`: false, `{`: false, `{"a":1`: false, `{"a":1}}`: false, `{"a":1} {}`: false, `{"a":1}x`: false,
		`{"a":1,"a":1}`: false, `{"a":1,"A":1}`: false, `{"a":1,"\u0061":1}`: false, `{"k":1,"K":1}`: false, `{"s":1,"ſ":1}`: false, `{"σ":1,"ς":1}`: false,
		`{"a":{"b":1,"b":2}}`: false, `{"a":[{"b":1,"b":2}]}`: false, `{"a":tru}`: false, `{a:1}`: false, `{"a":01}`: false, "{\"a\":\"\xc3\"}": false,
		"{\"a\":\"\x00\"}": false, `{"a":1,}`: false, "\ufeff{}": false, `{"":1,"":2}`: false,
		`{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`: true, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: false,
		strings.Repeat(`{"a":`, 100_000): false,
	} {
		if err := StrictJSON([]byte(doc)); (err == nil) != ok {
			t.Errorf("%.60s: %v, want ok %t", doc, err, ok)
		}
	}
}

// FuzzClaims: what StrictJSON lets through reads the same to encoding/json with
// struct tags, to a map, and to a lookup without case; and no payload makes a
// person who has no proper name.
func FuzzClaims(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	e := expected{issuer: "https://op.example", clientID: clientID, nonce: "n", now: now}
	good := fmt.Sprintf(`{"iss":"https://op.example","aud":"broker","nonce":"n","sub":"alice","iat":%d,"exp":%d`, now.Unix(), now.Unix()+60)
	for _, more := range []string{`}`, `,"SUB":"x"}`, `,"sub":"x"}`, `,"email_verified":true,"Email_Verified":false}`, `,"ſub":"x"}`, `,"amr":["pwd",1],"auth_time":1}`, `,"azp":"broker","nbf":1e3}`} {
		f.Add([]byte(good + more))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		id, failure := readClaims(b, e)
		if (id == nil) == (failure == nil) {
			t.Fatal("neither a token nor a reason, or both")
		}
		if StrictJSON(b) != nil {
			if id != nil {
				t.Fatal("a person out of a document that is not strict")
			}
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("strict, but %v", err)
		}
		var plain map[string]any
		if ours, err := readObject(b); (err == nil) != (json.Unmarshal(b, &plain) == nil) || err == nil && !reflect.DeepEqual(ours, plain) {
			t.Fatalf("encoding/json reads %v, we read %v (%v)", plain, ours, err)
		}
		for a := range m {
			for c := range m {
				if a != c && strings.EqualFold(a, c) {
					t.Fatalf("%q and %q are both there", a, c)
				}
			}
		}
		if id == nil {
			return
		}
		var asStruct struct {
			Iss, Sub, Nonce string
		}
		if err := json.Unmarshal(b, &asStruct); err != nil || asStruct.Sub != id.subject || asStruct.Iss != e.issuer || asStruct.Nonce != e.nonce {
			t.Fatalf("another parser reads %+v (%v), not %q", asStruct, err, id.subject)
		}
		if !validSubject(id.subject) || strings.TrimSpace(id.subject) != id.subject || len(id.subject) > 255 {
			t.Fatalf("subject %q", id.subject)
		}
	})
}

func TestASecretPrintsNowhere(t *testing.T) {
	s := Settings{ClientSecret: "hush"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s.ClientSecret, "settings", s)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s.ClientSecret)
	texts := []string{log.String(), string(must(json.Marshal(s.ClientSecret))), string(must(json.Marshal(map[string]Secret{"a": "hush"})))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		texts = append(texts, fmt.Sprintf(verb, s.ClientSecret), fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s.ClientSecret), fmt.Sprintf(verb, []Secret{"hush"}))
	}
	for _, text := range texts {
		if strings.Contains(text, "hush") || strings.Contains(text, "68757368") {
			t.Errorf("it says %q", text)
		}
	}
	if s.ClientSecret.Reveal() != "hush" || Secret("").String() != "" {
		t.Error("the secret itself is lost")
	}
}
