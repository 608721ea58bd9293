package padcheck

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

// Formats lists the names that Write takes.
var Formats = []string{"text", "json", "sarif", "junit"}

// Write writes a report in a format of Formats. color concerns text alone.
func (r *Report) Write(w io.Writer, format string, color bool) error {
	switch format {
	case "text":
		return r.WriteText(w, color)
	case "json":
		return r.writeJSON(w)
	case "sarif":
		return r.writeSARIF(w)
	case "junit":
		return r.writeJUnit(w)
	}
	return fmt.Errorf("unknown format %q; the formats are %v", format, Formats)
}

func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// writeSARIF writes the findings for code scanning services. A module has no
// lines, so a finding is located by the file and by its logical place.
func (r *Report) writeSARIF(w io.Writer) error {
	run := sarif.NewRunWithInformationURI("padcheck", "https://github.com/kmodpad/kmodpad")
	used := map[string]bool{}
	for _, m := range r.Modules {
		for _, f := range m.Findings {
			used[f.Rule] = true
		}
	}
	for _, rule := range Rules {
		if used[rule.ID] {
			run.AddRule(rule.ID).
				WithShortDescription(sarif.NewMultiformatMessageString().WithText(rule.Title)).
				WithFullDescription(sarif.NewMultiformatMessageString().WithText(rule.Meaning + " " + rule.Kernel)).
				WithHelp(sarif.NewMultiformatMessageString().WithText(rule.Mend))
		}
	}
	for _, m := range r.Modules {
		for _, f := range m.Findings {
			location := sarif.NewLocation().WithPhysicalLocation(sarif.NewPhysicalLocation().
				WithArtifactLocation(sarif.NewArtifactLocation().WithURI(filepath.ToSlash(m.Path))))
			if f.Where != "" {
				location.AddLogicalLocation(sarif.NewLogicalLocation().WithFullyQualifiedName(f.Where))
			}
			run.CreateResultForRule(f.Rule).WithLevel(string(f.Severity)).
				WithMessage(sarif.NewTextMessage(f.Message + ". Mend: " + f.Mend)).AddLocation(location)
		}
	}
	report := sarif.NewReport()
	report.AddRun(run)
	return report.PrettyWrite(w)
}

// writeJUnit writes a test case a module, which fails when the module has a
// finding of severity error.
func (r *Report) writeJUnit(w io.Writer) error {
	suite := junit.Testsuite{Name: "padcheck verify, FreeBSD " + r.Profile}
	for _, m := range r.Modules {
		c := junit.Testcase{Name: m.Path, Classname: m.Arch + "." + m.Loader, Time: "0"}
		var failed int
		var body string
		for _, f := range m.Findings {
			if f.Severity == Error {
				failed++
			}
			body += fmt.Sprintf("%s: %s: %s\nmend: %s\n", f.Severity, f.Rule, f.Message, f.Mend)
		}
		if failed > 0 {
			c.Failure = &junit.Result{Message: count(failed, "error"), Type: string(m.Verdict), Data: body}
		} else if body != "" {
			c.SystemOut = &junit.Output{Data: body}
		}
		suite.AddTestcase(c)
	}
	suites := junit.Testsuites{}
	suites.AddSuite(suite)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
