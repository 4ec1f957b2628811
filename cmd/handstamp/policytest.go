package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/handstamp/handstamp/broker/policy"
	"github.com/handstamp/handstamp/configs"
)

const exitTestsFailed exitCode = 2

func testCmd() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{Use: "test [-c FILE | -f DIR]", Short: "Run the policy tests that stand beside the rules", Args: noArgs,
		Long: "Run the policy tests: every *_test.yaml beside the rules. Each says what a provider says of a person, and what\n" +
			"that has to come to: roles, scopes, claims, or a denial and its reason. docs/testing-rules.md tells how they are\n" +
			"written. Nobody is asked and nothing is stored; secrets and variables of the environment are not needed.\n\n" +
			"Exit codes: 0 all pass, 2 some fail, 1 the tests or the rules cannot be read.",
		Example: "  handstamp test -f directory/\n  handstamp test -c handstamp.yaml --coverage --junit report.xml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return policyTest(o, cmd.OutOrStdout()) }}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "handstamp.yaml", "settings file")
	f.StringVarP(&o.file, "file", "f", "", "file or folder with the directory")
	f.BoolVar(&o.json, "json", false, "print for programs")
	f.StringVar(&o.junit, "junit", "", "write a report for CI to this file (JUnit XML)")
	f.BoolVar(&o.coverage, "coverage", false, "show which rules the passing tests reach")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the tests that pass, too")
	cmd.MarkFlagsMutuallyExclusive("config", "file")
	return cmd
}

type testOptions struct {
	config, file, junit     string
	json, coverage, verbose bool
}

func policyTest(o testOptions, out io.Writer) error {
	path := o.config
	if o.file != "" {
		path = o.file
	}
	file, err := configs.LoadForTests(path)
	if err != nil {
		return err
	}
	if len(file.Tests.Cases) == 0 {
		return errors.New("there are no tests: write them into a *_test.yaml beside " + path + " (docs/testing-rules.md)")
	}
	snapshot, err := file.Compile("")
	if err != nil {
		return err
	}
	results := file.Tests.Run(snapshot)
	if o.junit != "" {
		if err := writeReport(o.junit, results); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if o.json {
		err = printJSON(out, results)
	} else {
		err = tellTests(out, results, o)
	}
	if err == nil && results.Failed > 0 {
		return exitTestsFailed
	}
	return err
}

func writeReport(path string, results *policy.Results) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return results.WriteJUnit(f)
}

// tellTests shows each failure with what was wanted, what came, and why.
func tellTests(out io.Writer, results *policy.Results, o testOptions) error {
	p := &printer{out: out}
	for _, r := range results.Cases {
		switch {
		case !r.Passed:
			p.line("FAIL  %s  (%s:%d)", r.Name, r.File, r.Line)
			for _, f := range r.Faults {
				p.line("        %s", f.What)
				p.line("          want  %s", f.Want)
				p.line("          got   %s", f.Got)
				for _, why := range f.Why {
					p.line("          why   %s", why)
				}
			}
		case o.verbose:
			p.line("ok    %s  (%s:%d)", r.Name, r.File, r.Line)
		}
	}
	p.line("%d %s, %d passed, %d failed", len(results.Cases), plural("test", len(results.Cases)), results.Passed, results.Failed)
	if o.coverage {
		tellCoverage(p, results.Coverage)
	}
	return p.err
}

// tellCoverage shows what the passing tests make each rule do.
func tellCoverage(p *printer, rules []policy.RuleCoverage) {
	fired := 0
	p.line("")
	for _, r := range rules {
		mark, note := "fired", fmt.Sprintf("%d times", r.Fired)
		switch {
		case r.Fired > 0:
			fired++
			if r.Fired == 1 {
				note = "once"
			}
			if r.Silent == 0 && !r.Always {
				note += "; no test where it is false"
			}
		case r.Silent > 0:
			mark, note = "NEVER", "only where it is false"
		case r.Errored > 0:
			mark, note = "NEVER", "only where it cannot be worked out"
		default:
			mark, note = "NEVER", "no test reaches it"
		}
		place := ""
		if r.Line > 0 {
			place = fmt.Sprintf("  (%s:%d)", r.File, r.Line)
		}
		p.line("%s  %s%s", mark, r.Rule, place)
		p.line("         %s", note)
	}
	p.line("")
	p.line("%d of %d rules fire in a test that passes", fired, len(rules))
}
