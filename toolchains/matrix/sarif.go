package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/testdata"
)

// ruleCrashed is the rule of cells in which a program died or hung.
const ruleCrashed = "toolchain-crashed"

// WriteSARIF writes what is wrong with padded modules for code scanning
// services. A result is a rule broken by one sample under one strategy on one
// architecture, and names the toolchains with which it is; it is an error where
// the strategy should have cured it. What modules without padding break is no
// result: that is known, and what the strategies are for.
func (m *Matrix) WriteSARIF(w io.Writer) error {
	samples, err := testdata.LoadSamples()
	if err != nil {
		return err
	}
	type result struct{ rule, arch, strategy, sample string }
	with := make(map[result][]string)
	level := make(map[result]string)
	var order []result
	for _, c := range m.Cells {
		rules := c.Rules
		if c.State == Crashed {
			rules = []string{ruleCrashed}
		} else if c.Strategy == "none" {
			continue
		}
		for _, rule := range rules {
			k := result{rule, c.Arch, c.Strategy, c.Case}
			if with[k] == nil {
				order = append(order, k)
				level[k] = "warning"
			}
			with[k] = append(with[k], strings.Join([]string{c.Compiler, c.Options, c.Linker}, " "))
			if c.Defect() {
				level[k] = "error"
			}
		}
	}
	run := sarif.NewRunWithInformationURI("kmodpad matrix", "https://github.com/kmodpad/kmodpad")
	used := func(rule string) bool {
		return slices.ContainsFunc(order, func(r result) bool { return r.rule == rule })
	}
	for _, rule := range padcheck.Rules {
		if used(rule.ID) {
			run.AddRule(rule.ID).
				WithShortDescription(sarif.NewMultiformatMessageString().WithText(rule.Title)).
				WithFullDescription(sarif.NewMultiformatMessageString().WithText(rule.Meaning + " " + rule.Kernel)).
				WithHelp(sarif.NewMultiformatMessageString().WithText(rule.Mend))
		}
	}
	if used(ruleCrashed) {
		run.AddRule(ruleCrashed).WithShortDescription(sarif.NewMultiformatMessageString().
			WithText("a compiler or linker crashed or did not finish in time"))
	}
	for _, k := range order {
		text := fmt.Sprintf("%s on %s with strategy %s: %s, with %d toolchains: %s",
			k.sample, k.arch, k.strategy, k.rule, len(with[k]), strings.Join(first(with[k], 8), "; "))
		run.CreateResultForRule(k.rule).WithLevel(level[k]).WithMessage(sarif.NewTextMessage(text)).
			AddLocation(sarif.NewLocation().WithPhysicalLocation(sarif.NewPhysicalLocation().
				WithArtifactLocation(sarif.NewArtifactLocation().WithURI(sourceOf(samples, k.sample))).
				WithRegion(sarif.NewRegion().WithStartLine(1))))
	}
	report := sarif.NewReport()
	report.AddRun(run)
	return report.PrettyWrite(w)
}

// sourceOf is a sample's file in the repository.
func sourceOf(samples *testdata.Samples, name string) string {
	for _, m := range samples.Modules {
		if m.Name == name {
			return "testdata/samples/" + m.Sources[0]
		}
	}
	return "testdata/samples"
}

// first keeps the first of a long list and says how many more there are.
func first(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), fmt.Sprintf("and %d more", len(list)-n))
}
