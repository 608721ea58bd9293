package kmodmk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck"
)

// Row is what became of one module with one choice of tools.
type Row struct {
	Module, Arch, Compiler, Linker, Strategy string
	// Expect are the rules that the module breaks on purpose.
	Expect []string
	// Plan is how it is made; nil when it can't be.
	Plan *Plan
	// Err says why the module could not be made or verified.
	Err error
	// Report is the verifier's.
	Report *padcheck.Module
}

// Verdict is the row's result in a word or two.
func (r *Row) Verdict() string {
	switch {
	case r.Err != nil || r.Report == nil:
		return "failed"
	case len(r.missed()) > 0:
		return "not as expected"
	case len(r.unexpected()) == 0 && len(r.Expect) > 0:
		return string(r.Report.Verdict) + ", as expected"
	}
	return string(r.Report.Verdict)
}

// Good says that the module is as it should be.
func (r *Row) Good() bool {
	return r.Err == nil && r.Report != nil && len(r.missed()) == 0 && len(r.unexpected()) == 0 &&
		(r.Report.Verdict == padcheck.OK || len(r.Expect) > 0)
}

// Reasons say why the row is not good, a line each: what was expected and is
// missing, and the first of the findings that were not expected.
func (r *Row) Reasons() []string {
	switch {
	case r.Err != nil:
		return []string{r.Err.Error()}
	case r.Report == nil:
		return []string{"not verified"}
	}
	var lines []string
	for _, rule := range r.missed() {
		lines = append(lines, fmt.Sprintf("expected a finding of %s, but there is none", rule))
	}
	unexpected := r.unexpected()
	for i, f := range unexpected {
		if i == 1 {
			lines = append(lines, fmt.Sprintf("and %d more: padcheck verify %s", len(unexpected)-i, r.Report.Path))
			break
		}
		lines = append(lines, f.Rule+": "+f.Message)
		if f.Mend != "" {
			lines = append(lines, "mend: "+f.Mend)
		}
	}
	if len(lines) == 0 && !r.Good() {
		lines = append(lines, fmt.Sprintf("the verdict is %s without an error that says why", r.Report.Verdict))
	}
	return lines
}

// missed are the expected rules of which there is no finding.
func (r *Row) missed() []string {
	var rules []string
	for _, rule := range r.Expect {
		if !slices.ContainsFunc(r.Report.Findings, func(f padcheck.Finding) bool { return f.Rule == rule }) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// unexpected are the errors whose rule is not expected.
func (r *Row) unexpected() []padcheck.Finding {
	var out []padcheck.Finding
	for _, f := range r.Report.Findings {
		if f.Severity == padcheck.Error && !slices.Contains(r.Expect, f.Rule) {
			out = append(out, f)
		}
	}
	return out
}

// sets lists the sets with their sizes: "vnet 68 B, pcpu -".
func (r *Row) sets(names []string) string {
	if r.Report == nil {
		return "-"
	}
	var parts []string
	for _, name := range names {
		size := "-"
		for _, s := range r.Report.Sets {
			if s.Name == name {
				size = fmt.Sprintf("%d B", s.Size)
			}
		}
		parts = append(parts, strings.TrimPrefix(name, "set_")+" "+size)
	}
	return strings.Join(parts, ", ")
}

// padding counts the bytes of padding in all sets, "before+after" when some
// are at the front.
func (r *Row) padding() string {
	if r.Report == nil {
		return "-"
	}
	var before, after uint64
	for _, s := range r.Report.Sets {
		before += s.PaddingBefore
		after += s.PaddingAfter
	}
	if before > 0 {
		return fmt.Sprintf("%d+%d", before, after)
	}
	return fmt.Sprint(after)
}
