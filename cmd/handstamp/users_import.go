package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/storage"
)

// A file is imported in one transaction, which may not keep others waiting for long.
const (
	mostImported  = 5000
	mostImportMiB = 64
	mostProblems  = 100 // told
)

func importUsersCmd(at *place) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{Use: "import FILE", Short: "Take over people and their password hashes from another system", Args: oneArg,
		Long: "Take over people with their password hashes, from CSV with a header or from JSON, one object a line.\n\n" +
			"  username, hash             needed\n" +
			"  name, email, email_verified, groups, disabled, totp\n\n" +
			"Hashes: argon2id and argon2i (PHC), bcrypt, PBKDF2 with sha256 or sha512 as Django, Passlib and Keycloak write\n" +
			"them. People sign in with the password they have, which is then hashed anew with argon2id. In CSV, groups are\n" +
			"separated by semicolons. Lines of JSON may be users of a Keycloak export (jq -c '.users[]' realm.json).\n\n" +
			"If anything is wrong, every line is named and nothing is imported.",
		RunE: func(cmd *cobra.Command, args []string) error {
			people, problems, err := readPeople(args[0])
			if err != nil {
				return err
			}
			return at.within(cmd, func(ctx context.Context, b *book) error { return b.take(ctx, args[0], people, problems, dry) })
		}}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only check the file")
	return cmd
}

// imported is one person of the file.
type imported struct {
	line    int
	account storage.NewAccount
}

// lineProblem says what is wrong with a line, without its content.
type lineProblem struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// take writes everybody, or tells every problem and writes nobody.
func (b *book) take(ctx context.Context, file string, people []imported, problems []lineProblem, dry bool) error {
	more, err := b.taken(ctx, people)
	if err != nil {
		return err
	}
	problems = append(problems, more...)
	if len(people) == 0 && len(problems) == 0 {
		problems = append(problems, lineProblem{1, "there is nobody in this file"})
	}
	if len(people) > mostImported {
		problems = append(problems, lineProblem{people[mostImported].line, fmt.Sprintf("a file may hold %d people, since all of them are taken in one step: split it", mostImported)})
	}
	if len(problems) > 0 {
		return b.refuse(file, problems)
	}
	if dry {
		return b.say(map[string]any{"people": len(people), "imported": 0}, "%s is good: %s. Nothing was imported.", file, peopleCount(len(people)))
	}
	accounts := make([]storage.NewAccount, len(people))
	for i, p := range people {
		accounts[i] = p.account
	}
	if err := b.MakeAccounts(ctx, shell, b.provider.Slug, accounts...); err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	return b.say(map[string]any{"people": len(people), "imported": len(people)}, "%s can sign in now.", peopleCount(len(people)))
}

func peopleCount(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func (b *book) refuse(file string, problems []lineProblem) error {
	slices.SortStableFunc(problems, func(x, y lineProblem) int { return x.Line - y.Line })
	if b.json {
		return errors.Join(printJSON(b.out, map[string]any{"imported": 0, "problems": problems}), exitCode(1))
	}
	p := &printer{out: b.out}
	for i, one := range problems {
		if i == mostProblems {
			p.line("… and %d more", len(problems)-i)
			break
		}
		p.line("%s:%d: %s", file, one.Line, one.Message)
	}
	p.line("Nothing was imported: %s.", count(len(problems), "problem"))
	return errors.Join(p.err, exitCode(1))
}

// taken finds names that stand twice in the file, or in the book already.
func (b *book) taken(ctx context.Context, people []imported) (problems []lineProblem, err error) {
	here := map[string]bool{}
	accounts, err := b.Accounts(ctx, b.provider.Slug, mostListed)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		here[a.Login] = true
	}
	first := map[string]int{}
	for _, p := range people {
		name := p.account.Login
		switch line, twice := first[name]; {
		case twice:
			problems = append(problems, lineProblem{p.line, fmt.Sprintf("the login name %s stands in line %d already", name, line)})
		case here[name]:
			problems = append(problems, lineProblem{p.line, "the login name " + name + " is taken"})
		}
		if first[name] == 0 {
			first[name] = p.line
		}
	}
	return problems, nil
}

// readPeople reads the whole file and finds everything that is wrong with it.
func readPeople(file string) ([]imported, []lineProblem, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostImportMiB<<20+1))
	if err != nil {
		return nil, nil, err
	}
	if len(content) > mostImportMiB<<20 {
		return nil, nil, fmt.Errorf("%s has more than %d MiB: split it", file, mostImportMiB)
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if text := bytes.TrimSpace(content); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		people, problems := readJSONLines(content)
		return people, problems, nil
	}
	people, problems := readCSV(content)
	return people, problems, nil
}
