package matrix

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// WriteJUnit writes a test case for each cell, a suite for each architecture. A
// cell fails as a test when it is a [Cell.Defect]; one that cannot be is skipped.
func (m *Matrix) WriteJUnit(w io.Writer) error {
	suites := junit.Testsuites{}
	for _, a := range m.archs() {
		suite := junit.Testsuite{Name: "matrix, " + a}
		for _, c := range m.Cells {
			if c.Arch != a {
				continue
			}
			t := junit.Testcase{
				Name:      strings.Join([]string{c.Options, c.Linker, c.Strategy, c.Case}, "/"),
				Classname: c.Arch + "." + c.Compiler, Time: "0",
			}
			switch {
			case c.State == Impossible:
				t.Skipped = &junit.Result{Message: valid(c.Reason)}
			case c.State == Crashed:
				t.Error = &junit.Result{Message: valid(firstLine(c.Reason)), Type: string(c.State), Data: valid(c.Reason)}
			case c.Defect():
				t.Failure = &junit.Result{Message: valid(firstLine(c.Why())), Type: string(c.State), Data: valid(c.Why())}
			case c.Failing():
				t.SystemOut = &junit.Output{Data: valid(string(c.State) + ": " + c.Why())}
			}
			suite.AddTestcase(t)
		}
		suites.AddSuite(suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// valid leaves out what XML cannot hold and programs may print.
func valid(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
