package kmodmk

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
)

// demand is what a module needs beyond its first link.
type demand struct {
	padding ldscripts.Padding
	why     string
	refused error
	key     string // of the first link, see recall
}

// curable are the rules whose findings padding or guards can cure.
var curable = []string{
	padcheck.RuleReferencePastPadding, padcheck.RuleBoundaryReference, padcheck.RuleReferenceBelowSet,
	padcheck.RuleCapturedReference, loader.RuleMissingSentinel,
}

// lacking says that there is something wrong which padding or guards can cure.
func lacking(report *padcheck.Module) bool {
	return report != nil && slices.ContainsFunc(report.Findings, isCurable)
}

func isCurable(f padcheck.Finding) bool {
	return f.Severity == padcheck.Error && slices.Contains(curable, f.Rule)
}

// measure says what a module needs whose first link gave kld and report; nil
// when that link will do.
//
// Both are looked at: the report knows where the linker has put the module's
// sections, so that it sees which of the neighbours' references really land in a
// set, and the references know how far each goes.
func (t Target) measure(kld string, report *padcheck.Module) (*demand, error) {
	f, err := object.Open(kld)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	measured, err := padcheck.Measure([]string{kld})
	if err != nil {
		return nil, err
	}
	m := measured.Files[0]
	outside := slices.ContainsFunc(m.Sets, func(s padcheck.MeasuredSet) bool { return s.Before > 0 || s.After > 0 })
	if !outside && !lacking(report) || len(m.Sets) == 0 {
		return nil, nil
	}

	n := &demand{padding: ldscripts.Padding{Flags: f.Flags}, why: t.why(report)}
	limit := t.limit()
	for _, s := range m.Sets {
		p := ldscripts.SetPadding{Name: s.Set, Before: s.Before, After: s.After}
		p.ReadOnly = f.Section(s.Set).Flags&elf.SHF_WRITE == 0
		if t.Strategy.First(t.Arch) == ldscripts.Constraint && !p.ReadOnly {
			p.After += ldscripts.SentinelSize // which are there already, and count as the set's own
		}
		p.After = max(p.After, ldscripts.SentinelSize)
		if p.Before > limit || p.After > limit {
			n.refused = refusal(s, p, limit)
			n.why = fmt.Sprintf("refused: %s needs %d+%d B, max is %d", s.Set, p.Before, p.After, limit)
			return n, nil
		}
		n.padding.Sets = append(n.padding.Sets, p)
	}
	// A guard keeps its neighbour's references out whatever the linker's order.
	// Those that go further than any guard may are left to the verifier: hardly
	// one of them lands in a set.
	for _, o := range m.Other {
		n.padding.GuardBefore = max(n.padding.GuardBefore, guardWidth(o.Above, limit))
		n.padding.GuardAfter = max(n.padding.GuardAfter, guardWidth(o.Below, limit))
	}
	return n, nil
}

// guardWidth is the width of a guard against references that go so far.
func guardWidth(overshoot, limit uint64) uint64 {
	if overshoot > limit {
		return 0
	}
	return (overshoot + 3) &^ 3
}

// refusal is the error of a set that needs too much padding.
func refusal(s padcheck.MeasuredSet, p ldscripts.SetPadding, limit uint64) error {
	side, other, end, bytes := "before", "first", s.Lowest, p.Before
	if p.Before <= limit {
		side, other, end, bytes = "after", "last", s.Highest, p.After
	}
	asks := "a reference"
	for _, c := range s.Causes {
		if end != nil && c.Target == *end {
			asks = c.String()
			break
		}
	}
	return fmt.Errorf("%s needs %d bytes of padding %s its variables in every instance, more than the %d that max allows: %s\n"+
		"mend: change the index expression so that it stays near the array, compile with -fPIC, put another variable %s in the set, or raise max",
		s.Set, bytes, side, limit, asks, other)
}

// why says in a few words what the first link lacks: the finding that reaches
// furthest, of the first kind that there is.
func (t Target) why(report *padcheck.Module) string {
	for _, rule := range curable {
		var worst *padcheck.Finding
		for i := range report.Findings {
			f := &report.Findings[i]
			if f.Rule == rule && isCurable(*f) && (worst == nil || further(f, worst)) {
				worst = f
			}
		}
		if worst == nil {
			continue
		}
		if worst.Addend == nil {
			return worst.Set + " lacks the sentinel"
		}
		what := plus(worst.Symbol, *worst.Addend)
		switch rule {
		case padcheck.RuleReferenceBelowSet:
			return what + " lies below " + worst.Set
		case padcheck.RuleCapturedReference:
			return what + " lands in " + worst.Set
		}
		if t.Strategy.First(t.Arch) == ldscripts.None {
			return what + " lies past " + worst.Set
		}
		return what + " lies past 4 B"
	}
	return "references leave a set"
}

// further says whether a finding reaches further out of its variable.
func further(a, b *padcheck.Finding) bool {
	if a.Addend == nil || b.Addend == nil {
		return false
	}
	if a.Rule == padcheck.RuleReferenceBelowSet {
		return *a.Addend < *b.Addend
	}
	return *a.Addend > *b.Addend
}

// plus names an offset from a symbol.
func plus(name string, offset int64) string {
	name = object.Printable(name)
	switch {
	case offset < 0:
		return fmt.Sprintf("%s-%#x", name, -uint64(offset))
	case offset > 0:
		return fmt.Sprintf("%s+%#x", name, offset)
	}
	return name
}
