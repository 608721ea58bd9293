package kmodmk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck"
)

// Row is what became of one module with one choice of tools.
type Row struct {
	Module, Arch, Compiler, Linker string
	// Asked is the strategy that kmod.yaml asks for, Strategy the one that made
	// the module, and Why says in a few words why that one, where it is not
	// the same.
	Asked, Strategy, Why string
	// Expect are the rules that the module breaks on purpose.
	Expect []string
	// Plan is how it is made; nil when it can't be.
	Plan *Plan
	// Err says why the module could not be made or verified.
	Err error
	// Refused says why the module was not given the padding that it needs.
	Refused error
	// Report is the verifier's.
	Report *padcheck.Module

	target Target
}

// take notes how the row's module was made.
func (r *Row) take(m *Made, err error) {
	if m != nil {
		r.Plan, r.Strategy, r.Refused, r.Report = m.Plan, string(m.Used), m.Refused, m.Report
		r.Why = cmp.Or(m.Why, r.Why)
	}
	r.Err = err
}

// how names the strategy, and which one it came to and why if it left that
// open.
func (r *Row) how() string {
	switch {
	case r.Refused != nil:
		return r.Asked + ": " + r.Why
	case r.Why != "":
		return fmt.Sprintf("%s: %s (%s)", r.Asked, r.Strategy, r.Why)
	case r.Asked != r.Strategy && r.Asked != "" && r.Report != nil:
		return r.Asked + ": " + r.Strategy
	}
	return dash(r.Strategy)
}

// Verdict is the row's result in a word or two.
func (r *Row) Verdict() string {
	switch {
	case r.Err != nil || r.Report == nil:
		return "failed"
	case len(r.missed()) > 0:
		return "not as expected"
	case r.Refused != nil && r.Report.Verdict == padcheck.OK:
		return "not padded"
	case len(r.unexpected()) == 0 && len(r.Expect) > 0:
		return string(r.Report.Verdict) + ", as expected"
	}
	return string(r.Report.Verdict)
}

// Good says that the module is as it should be.
func (r *Row) Good() bool {
	return r.Err == nil && r.Report != nil && len(r.missed()) == 0 && len(r.unexpected()) == 0 &&
		(r.Report.Verdict == padcheck.OK && r.Refused == nil || len(r.Expect) > 0)
}

// Reasons say why the row is not good, a line each: why padding was refused,
// what was expected and is missing, and the first of the findings that were not
// expected.
func (r *Row) Reasons() []string {
	switch {
	case r.Err != nil:
		return []string{r.Err.Error()}
	case r.Report == nil:
		return []string{"not verified"}
	}
	var lines []string
	if r.Refused != nil {
		lines = append(lines, r.Refused.Error())
	}
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

// padding counts the bytes of padding before and after the variables of each
// set, which every instance pays for: "pcpu 0+4, vnet 32+4".
func (r *Row) padding() string {
	if r.Report == nil {
		return "-"
	}
	var parts []string
	for _, s := range r.Report.Sets {
		parts = append(parts, fmt.Sprintf("%s %d+%d", strings.TrimPrefix(s.Name, "set_"), s.PaddingBefore, s.PaddingAfter))
	}
	slices.Sort(parts)
	return dash(strings.Join(parts, ", "))
}
