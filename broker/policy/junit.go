package policy

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The XML that Jenkins, GitLab and GitHub read: the common core of what they take.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// noTime stands where the form wants a duration: a case takes none worth telling.
const noTime = "0.000"

// WriteJUnit writes the results in the XML that CI systems read, a suite for each file.
func (r *Results) WriteJUnit(w io.Writer) error {
	all := junitSuites{Name: "handstamp", Tests: len(r.Cases), Failures: r.Failed}
	for _, c := range r.Cases {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != c.File {
			all.Suites = append(all.Suites, junitSuite{Name: c.File, Time: noTime})
		}
		suite := &all.Suites[len(all.Suites)-1]
		suite.Tests++
		one := junitCase{Name: c.Name, ClassName: c.File, Time: noTime}
		if !c.Passed {
			suite.Failures++
			one.Failure = &junitFailure{Message: c.Faults[0].String(), Type: c.Faults[0].What, Text: c.Diff()}
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// String is a fault in one line.
func (f Fault) String() string { return fmt.Sprintf("%s: want %s, got %s", f.What, f.Want, f.Got) }

// Diff is what is wrong with a case, for people: want and got above each other, and why.
func (r Result) Diff() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d\n", r.File, r.Line)
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "  %s\n    want  %s\n    got   %s\n", f.What, f.Want, f.Got)
		for _, why := range f.Why {
			fmt.Fprintf(&b, "    why   %s\n", why)
		}
	}
	return b.String()
}
