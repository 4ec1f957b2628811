package admin

import (
	"bytes"
	"encoding/base32"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/handstamp/handstamp/admin/api"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

// A file of people from another system: CSV with a header, or one JSON object a line,
// which may be a user of a Keycloak export. It is read whole, and everything that is
// wrong with it is told at once, by line and without a value.

// imported is one person of the file.
type imported struct {
	line    int
	account storage.NewAccount
}

// readPeople reads the whole file and finds everything that is wrong with it.
func readPeople(content []byte) ([]imported, []api.LineProblem) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if text := bytes.TrimSpace(content); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return readJSONLines(content)
	}
	return readCSV(content)
}

// entry is a person as both forms of file give it.
type entry struct {
	Username      string   `json:"username"`
	Hash          string   `json:"-"`
	Name          string   `json:"name"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	Groups        []string `json:"groups"`
	Disabled      bool     `json:"disabled"`
	TOTP          string   `json:"totp"`
}

// account checks an entry and says everything that is wrong with it. A message never
// repeats a hash or a secret.
func (e entry) account() (storage.NewAccount, error) {
	a := storage.NewAccount{Subject: oauth.NewSecret()[:22], UserSubject: oauth.NewSecret()[:26], Login: providers.LoginName(e.Username), Name: e.Name, Email: e.Email,
		EmailVerified: e.EmailVerified, Groups: e.Groups, Disabled: e.Disabled}
	var hashErr, totpErr error
	if e.Hash == "" {
		hashErr = errors.New("there is no hash; people without one are invited (handstamp users invite)")
	} else {
		a.Hash, hashErr = password.Import(e.Hash)
	}
	if e.TOTP != "" {
		a.TOTP, totpErr = providers.ParseTOTP(e.TOTP)
	}
	return a, errors.Join(checkNewcomer(&a), hashErr, totpErr)
}

// csvColumns are the columns that a CSV file may have.
var csvColumns = []string{"username", "hash", "name", "email", "email_verified", "groups", "disabled", "totp"}

func readCSV(content []byte) (people []imported, problems []api.LineProblem) {
	r := csv.NewReader(bytes.NewReader(content))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, []api.LineProblem{csvProblem(err)}
	}
	if problems = checkHeader(header); len(problems) > 0 {
		return nil, problems
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return people, problems
		}
		if err != nil { // where a quote is open, nothing behind it can be trusted
			return people, append(problems, csvProblem(err))
		}
		line, _ := r.FieldPos(0)
		if len(fields) != len(header) {
			problems = append(problems, api.LineProblem{Line: line, Message: fmt.Sprintf("there are %d fields and %d columns", len(fields), len(header))})
			continue
		}
		e, err := csvEntry(header, fields)
		people, problems = collect(people, problems, line, e, err)
	}
}

func csvProblem(err error) api.LineProblem {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		return api.LineProblem{Line: pe.StartLine, Message: "this is not CSV: " + pe.Err.Error()}
	}
	return api.LineProblem{Line: 1, Message: "this is not CSV"}
}

func checkHeader(header []string) (problems []api.LineProblem) {
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		header[i] = name
		switch {
		case !slices.Contains(csvColumns, name):
			problems = append(problems, api.LineProblem{Line: 1, Message: fmt.Sprintf("there is no column %.40q; there are %s", name, strings.Join(csvColumns, ", "))})
		case slices.Index(header, name) < i:
			problems = append(problems, api.LineProblem{Line: 1, Message: "the column " + name + " stands twice"})
		}
	}
	for _, name := range csvColumns[:2] {
		if !slices.Contains(header, name) {
			problems = append(problems, api.LineProblem{Line: 1, Message: "the column " + name + " is missing"})
		}
	}
	return problems
}

func csvEntry(header, fields []string) (e entry, err error) {
	var errs []error
	for i, name := range header {
		value := strings.TrimSpace(fields[i])
		switch name {
		case "username":
			e.Username = value
		case "hash":
			e.Hash = value
		case "name":
			e.Name = value
		case "email":
			e.Email = value
		case "totp":
			e.TOTP = value
		case "groups":
			for g := range strings.SplitSeq(value, ";") {
				if g = strings.TrimSpace(g); g != "" {
					e.Groups = append(e.Groups, g)
				}
			}
		case "email_verified", "disabled":
			yes := false
			if value != "" {
				if yes, err = strconv.ParseBool(strings.ToLower(value)); err != nil {
					errs = append(errs, fmt.Errorf("%s is neither true nor false", name))
				}
			}
			if name == "disabled" {
				e.Disabled = yes
			} else {
				e.EmailVerified = yes
			}
		}
	}
	return e, errors.Join(errs...)
}

func readJSONLines(content []byte) (people []imported, problems []api.LineProblem) {
	number := 0
	for line := range bytes.SplitSeq(content, []byte("\n")) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		e, err := jsonEntry(line)
		people, problems = collect(people, problems, number, e, err)
	}
	return people, problems
}

// collect takes one person of the file, or everything that is wrong with them.
func collect(people []imported, problems []api.LineProblem, line int, e entry, err error) ([]imported, []api.LineProblem) {
	if err == nil || e.Username != "" {
		a, wrong := e.account()
		if err = errors.Join(err, wrong); err == nil {
			return append(people, imported{line, a}), problems
		}
	}
	return people, append(problems, api.LineProblem{Line: line, Message: strings.ReplaceAll(err.Error(), "\n", "; ")})
}

// jsonEntry reads one object: ours, or a user of a Keycloak export.
func jsonEntry(line []byte) (entry, error) {
	var probe struct {
		Credentials json.RawMessage `json:"credentials"`
	}
	if err := json.Unmarshal(line, &probe); err != nil {
		if line[0] == '[' {
			return entry{}, errors.New("one object a line is needed, not a list: jq -c '.[]' makes it")
		}
		return entry{}, errors.New("this line is not one JSON object")
	}
	if probe.Credentials != nil {
		return keycloakEntry(line)
	}
	var e struct {
		entry
		Hash json.RawMessage `json:"hash"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return entry{}, jsonProblem(err)
	}
	if json.Unmarshal(e.Hash, &e.entry.Hash) != nil { // an object: a Keycloak credential
		e.entry.Hash = string(e.Hash)
	}
	return e.entry, nil
}

// jsonProblem tells what does not fit without the value.
func jsonProblem(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("%s is a %s and should be a %s", strings.TrimPrefix(te.Field, "entry."), te.Value, te.Type)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no field %.40s; there are %s", name, strings.Join(csvColumns, ", "))
	}
	return errors.New("this line is not one JSON object")
}

// keycloakEntry reads a user of a Keycloak realm export; what we have no use for is
// left out, and a second factor that cannot be taken over is said.
func keycloakEntry(line []byte) (e entry, err error) {
	var k struct {
		Username, Email, FirstName, LastName string
		EmailVerified                        bool
		Enabled                              *bool
		Groups                               []string
		Credentials                          []struct{ Type, SecretData, CredentialData string }
	}
	if err := json.Unmarshal(line, &k); err != nil {
		return e, jsonProblem(err)
	}
	e = entry{Username: k.Username, Name: strings.TrimSpace(k.FirstName + " " + k.LastName), Email: k.Email, EmailVerified: k.EmailVerified && k.Email != "",
		Groups: k.Groups, Disabled: k.Enabled != nil && !*k.Enabled}
	for _, c := range k.Credentials {
		switch c.Type {
		case "password":
			whole, err := json.Marshal(map[string]string{"secretData": c.SecretData, "credentialData": c.CredentialData})
			if err != nil {
				return e, err
			}
			e.Hash = string(whole)
		case "otp":
			if e.TOTP, err = keycloakTOTP(c.SecretData, c.CredentialData); err != nil {
				return e, err
			}
		default:
			return e, fmt.Errorf("a credential of type %.20q cannot be taken over: leave it out to import the person without it", c.Type)
		}
	}
	return e, nil
}

func keycloakTOTP(secretData, credentialData string) (string, error) {
	var secret struct{ Value string }
	var how struct {
		SubType, Algorithm, SecretEncoding string
		Digits, Period                     int
	}
	if json.Unmarshal([]byte(secretData), &secret) != nil || json.Unmarshal([]byte(credentialData), &how) != nil || secret.Value == "" {
		return "", errors.New("the second factor is damaged")
	}
	if how.SubType != "totp" || how.Algorithm != "HmacSHA1" || how.Digits != 6 || how.Period != 30 {
		return "", errors.New("the second factor is not TOTP with SHA-1, six digits and thirty seconds: leave it out to import the person without it")
	}
	if how.SecretEncoding == "BASE32" {
		return secret.Value, nil
	}
	return base32.StdEncoding.EncodeToString([]byte(secret.Value)), nil
}
