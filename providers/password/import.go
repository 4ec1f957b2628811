package password

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// imported marks a line that another system made. It hashed the bytes as they were
// typed, and is replaced at the first sign-in.
const imported = "imported:"

// Import reads a hash as another system exports it and gives the line to keep.
//
//	$argon2id$v=19$m=…,t=…,p=…$salt$key    PHC string, also argon2i; Django puts argon2 in front
//	$2a$ $2b$ $2y$…                        bcrypt; Django puts bcrypt$ in front
//	pbkdf2_sha256$600000$salt$key          Django, its salt is plain text
//	$pbkdf2-sha256$29000$salt$key          Passlib and PHC, also -sha512
//	{"secretData": …, "credentialData": …} Keycloak
func Import(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return importKeycloak(text)
	case strings.HasPrefix(text, "pbkdf2_"):
		return importDjango(text)
	case strings.HasPrefix(text, "argon2$argon2"):
		text = strings.TrimPrefix(text, "argon2")
	case strings.HasPrefix(text, "bcrypt$$"):
		text = strings.TrimPrefix(text, "bcrypt$")
	}
	if _, err := parse(text); err != nil {
		return "", err
	}
	return imported + text, nil
}

func importDjango(text string) (string, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 {
		return "", errors.New("this Django hash is damaged: algorithm$iterations$salt$key is needed")
	}
	salt := base64.RawStdEncoding.EncodeToString([]byte(parts[2]))
	line := "$" + strings.ReplaceAll(parts[0], "_", "-") + "$i=" + parts[1] + "$" + salt + "$" + strings.TrimRight(parts[3], "=")
	if _, err := parse(line); err != nil {
		return "", err
	}
	return imported + line, nil
}

// keycloak is a credential of Keycloak's realm export: two texts that hold JSON.
type keycloak struct {
	Type       string `json:"type"`
	Secret     string `json:"secretData"`
	Credential string `json:"credentialData"`
}

func importKeycloak(text string) (string, error) {
	var k keycloak
	var secret struct{ Value, Salt string }
	var how struct {
		Algorithm            string
		HashIterations       int
		AdditionalParameters map[string][]string
	}
	if json.Unmarshal([]byte(text), &k) != nil || json.Unmarshal([]byte(k.Secret), &secret) != nil || json.Unmarshal([]byte(k.Credential), &how) != nil {
		return "", errors.New("this is not a credential of a Keycloak export: secretData and credentialData are needed, each a text that holds JSON")
	}
	if k.Type != "" && k.Type != "password" {
		return "", errors.New("this Keycloak credential is not a password")
	}
	salt, key, err := saltAndKey(secret.Salt, secret.Value)
	if err != nil {
		return "", err
	}
	var line string
	switch more := how.AdditionalParameters; how.Algorithm {
	case "pbkdf2-sha256", "pbkdf2-sha512":
		line = pbkdf2Hash{how.Algorithm, how.HashIterations, salt, key}.String()
	case "argon2":
		number := func(name string) int {
			if len(more[name]) != 1 {
				return 0
			}
			n, _ := strconv.Atoi(more[name][0]) // 0 is refused below
			return n
		}
		if len(more["version"]) == 1 && more["version"][0] != "1.3" || len(more["type"]) != 1 {
			return "", errors.New("only version 1.3 of argon2 is known, and its type is needed")
		}
		line = argon2Hash{"argon2" + more["type"][0], number("memory"), how.HashIterations, number("parallelism"), salt, key}.String()
	default:
		return "", errors.New("this Keycloak algorithm is not known; pbkdf2-sha256, pbkdf2-sha512 and argon2 are")
	}
	if _, err := parse(line); err != nil {
		return "", err
	}
	return imported + line, nil
}
