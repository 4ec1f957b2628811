package password

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

const horse = "correct horse battery"

func hashed(t *testing.T, normal string) string {
	t.Helper()
	line, err := Hash(t.Context(), normal)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func verified(t *testing.T, line, typed string) bool {
	t.Helper()
	ok, err := Verify(t.Context(), line, typed)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestAPasswordIsKnownAgainHoweverTheKeyboardComposesIt(t *testing.T) {
	normal, err := Rules{}.Check("Müllerströße ﬁn")
	if err != nil {
		t.Fatal(err)
	}
	line := hashed(t, normal)
	if Outdated(line) || line == hashed(t, normal) {
		t.Errorf("a new hash must be up to date and salted: %s", line)
	}
	for typed, want := range map[string]bool{"Müllerströße ﬁn": true, "Mu\u0308llerstro\u0308ße fin": true, "müllerströße fin": false, "": false} {
		if got := verified(t, line, typed); got != want {
			t.Errorf("%q: got %v, want %v", typed, got, want)
		}
	}
}

func TestI20_NobodyCostsTheSameWorkAndIsNeverRight(t *testing.T) {
	for _, typed := range []string{"", horse, strings.Repeat("x", 100_000)} {
		if verified(t, "", typed) {
			t.Errorf("a password of %d bytes is right for nobody", len(typed))
		}
	}
	s, err := parse(head + "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	h, ok := s.(argon2Hash)
	if err != nil || !ok || h.memory != memory || h.passes != passes || h.lanes != lanes || len(h.key) != keyLen {
		t.Errorf("the dummy does other work than a real hash: %+v %v", h, err)
	}
}

func TestHashesOfOtherSystemsWorkAndAreOutdated(t *testing.T) {
	b, err := bcrypt.GenerateFromPassword([]byte(horse), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	salt := []byte("0123456789abcdef")
	weak := "$argon2id$v=19$m=64,t=1,p=2$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(argon2.IDKey([]byte(horse), salt, 1, 64, 2, 32))
	argonI := "$argon2i$v=19$m=64,t=3,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(argon2.Key([]byte(horse), salt, 3, 64, 1, 16))
	keycloakArgon := `{"secretData":"{\"value\":\"` + b64.EncodeToString(argon2.IDKey([]byte(horse), salt, 5, 7168, 1, 32)) + `\",\"salt\":\"` + b64.EncodeToString(salt) +
		`\"}","credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"7168\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}"}`
	for _, row := range []struct{ why, text string }{
		{"bcrypt of Go", string(b)},
		{"bcrypt as PHP writes it", "$2y$" + string(b[4:])},
		{"bcrypt as Django writes it", "bcrypt$" + string(b)},
		{"argon2id with less memory", weak},
		{"argon2id as Django writes it", "argon2" + weak},
		{"argon2i", argonI},
		{"PBKDF2 as Django writes it", "pbkdf2_sha256$1000$saltySALT12$p2Df8EJwSbyV5Mivpu+nD1HRbhfD60NSrCdyEUOM57s="},
		{"PBKDF2 as Passlib writes it", "$pbkdf2-sha256$1000$.//.NDU2Nzg5MDEyMzQ1Njc$S0q/Y7pa8a8LSPqAcfyhyZIl3koTAubZUA1JNOOzZvQ"},
		{"PBKDF2 as Keycloak exports it", `{"type": "password", "secretData": "{\"value\": \"lAO8gi4ambxf+fHoKsstnm0PUzshF+Ju+l2DLLx3e2U4e3kmGH848zdBnc1H/6/Os9bdhNE4X7f4tKsUFzFcMg==\", \"salt\": \"Af/+NDU2Nzg5MDEyMzQ1Njc=\", \"additionalParameters\": {}}", "credentialData": "{\"hashIterations\": 1000, \"algorithm\": \"pbkdf2-sha512\", \"additionalParameters\": {}}"}`},
		{"argon2 as Keycloak exports it", keycloakArgon},
	} {
		line, err := Import(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if !verified(t, line, horse) || verified(t, line, horse+"!") || verified(t, line, "") {
			t.Errorf("%s: the right password and only it must fit", row.why)
		}
		if !Outdated(line) {
			t.Errorf("%s: it must be upgraded at the first sign-in", row.why)
		}
	}
}

// Another system hashed what was typed, byte for byte.
func TestAnImportedHashIsCheckedWithWhatWasTyped(t *testing.T) {
	decomposed := "Mu\u0308llerstro\u0308ße"
	b, err := bcrypt.GenerateFromPassword([]byte(decomposed), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	line, err := Import(string(b))
	if err != nil || !verified(t, line, decomposed) || verified(t, line, Normal(decomposed)) {
		t.Errorf("%v", err)
	}
}

func TestI19_ABrokenOrRuinousHashIsRefusedAtImport(t *testing.T) {
	const salt, key = "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	for why, text := range map[string]string{
		"empty":                    "",
		"plain text":               "hunter2",
		"md5":                      "5f4dcc3b5aa765d61d8327deb882cf99",
		"unknown kind":             "$6$rounds=5000$salt$hash",
		"bcrypt cut off":           "$2b$10$abcdefghijklmnopqrstuv",
		"bcrypt for a week":        "$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde",
		"argon2d":                  "$argon2d$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"argon2 of 8 GiB":          "$argon2id$v=19$m=8388608,t=1,p=1$" + salt + "$" + key,
		"argon2 without end":       "$argon2id$v=19$m=64,t=100000,p=1$" + salt + "$" + key,
		"argon2 without lanes":     "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"argon2 of no memory":      "$argon2id$v=19$m=-1,t=1,p=1$" + salt + "$" + key,
		"argon2 of an old version": "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"a key of one byte":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$AA",
		"no base64":                "$pbkdf2-sha256$1000$***$" + key,
		"PBKDF2 without end":       "$pbkdf2-sha256$2000000000$" + salt + "$" + key,
		"PBKDF2 with sha1":         "pbkdf2_sha1$1000$salt$" + key,
		"Django cut off":           "pbkdf2_sha256$1000$salt",
		"another Keycloak thing":   `{"type":"otp","secretData":"{}","credentialData":"{}"}`,
		"Keycloak's own kind":      `{"secretData":"{\"value\":\"` + key + `\",\"salt\":\"` + salt + `\"}","credentialData":"{\"algorithm\":\"custom\"}"}`,
	} {
		if line, err := Import(text); err == nil {
			t.Errorf("%s was taken: %s", why, line)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the message repeats the hash: %v", why, err)
		}
	}
}

func TestRulesAskForLengthAndNothingElse(t *testing.T) {
	for _, row := range []struct {
		why, typed string
		least      int
		good       bool
	}{
		{"twelve letters", "stampedtwice", 0, true},
		{"spaces and words", "correct horse battery staple", 0, true},
		{"another script, counted in characters", "пароль от двери", 0, true},
		{"eleven", "stampedonce", 0, false},
		{"the administrator's own minimum", "stampedonce", 8, true},
		{"below it", "stamped", 8, false},
		{"a hundred and twenty-eight", strings.Repeat("ab ", 42) + "ab", 0, true},
		{"one more", strings.Repeat("ab ", 43), 0, false},
		{"everybody's", "Password1234", 0, false},
		{"a row of digits", "123456789012", 0, false},
		{"one composed of compatibility letters", "ｐａｓｓｗｏｒｄ１２３４", 0, false},
		{"a control character", "stamped\x00twice", 0, false},
		{"broken UTF-8", "stamped\xfftwicey", 0, false},
	} {
		_, err := Rules{Least: row.least}.Check(row.typed)
		var weak *Weak
		if (err == nil) != row.good || err != nil && !errors.As(err, &weak) {
			t.Errorf("%s: %v", row.why, err)
		}
	}
	if n := len(commonest()); n < 1000 {
		t.Errorf("the list of common passwords has %d lines", n)
	}
}

func TestI19_OnlyAFewHashesAreComputedAtOnce(t *testing.T) {
	for range cap(places) { // every place is taken
		leave, err := enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error)
	for range maxWaiting {
		go func() {
			_, err := Verify(ctx, "", horse)
			results <- err
		}()
	}
	for waiting.Load() < maxWaiting {
		time.Sleep(time.Millisecond) //nolint:forbidigo // until all of them stand in the queue
	}
	if _, err := Verify(t.Context(), "", horse); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	for range maxWaiting {
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Errorf("somebody who left: %v", err)
		}
	}
	if n := waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde")
	f.Add("pbkdf2_sha256$1000$salt$MDEyMzQ1Njc4OWFiY2RlZg==")
	f.Add(`{"secretData":"{}","credentialData":"{}"}`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := Import(text)
		if err != nil {
			return
		}
		if _, err := parse(strings.TrimPrefix(line, imported)); err != nil || !Outdated(line) {
			t.Errorf("%q became %q, which cannot be read: %v", text, line, err)
		}
	})
}
