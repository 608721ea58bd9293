package harness

import (
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// Displacement says how far from its right place a finding's reference leads:
// code that goes by it uses memory at the variable's address in the instance,
// plus the displacement, cut to the width of an address. For a captured
// reference the right place is that of the neighbour's own variable. It is
// false for findings that are not about a reference.
//
// The value that the kernel wrote comes from the relocation trace, and the one
// that it should have written from the bounds of the set. Everything that the
// code adds to it, be it an index or the instance's base, is the same for both,
// and so is the distance.
func Displacement(k *loader.Kernel, m *loader.Module, f padcheck.Finding) (uint64, bool) {
	set := m.Set(f.Set)
	if set == nil || f.Place == nil || f.Target == nil {
		return 0, false
	}
	mask := ^uint64(0)
	if !m.File.Arch.Is64() {
		mask = 0xffffffff
	}
	record := recordAt(m, (m.Address+uint64(*f.Place))&mask)
	target := m.Address + uint64(*f.Target)
	switch f.Rule {
	case padcheck.RuleUnvirtualisedReference:
		// Nothing was written: the code uses the set in the module.
		return (set.Start - set.Base) & mask, true
	case padcheck.RuleBoundaryReference, padcheck.RuleReferencePastPadding, padcheck.RuleReferenceBelowSet:
		if record == nil {
			return 0, false
		}
		return (written(k, m, record, target) - (target - set.Start + set.Base)) & mask, true
	case padcheck.RuleCapturedReference:
		if record == nil {
			return 0, false
		}
		return (written(k, m, record, target) - target) & mask, true
	}
	return 0, false
}

// written is the address that a relocation has written for a target. Where it
// has written but a part of it, the whole comes from the set that it hit.
func written(k *loader.Kernel, m *loader.Module, r *reloc.Record, target uint64) uint64 {
	if uint64(r.Width) == m.File.Arch.PointerSize() {
		return r.After
	}
	if s := k.SetByNumber(r.Set); s != nil {
		return target - s.Start + s.Base
	}
	return target
}

// recordAt finds what was relocated at an address.
func recordAt(m *loader.Module, p uint64) *reloc.Record {
	for i := range m.Trace {
		if m.Trace[i].P == p {
			return &m.Trace[i]
		}
	}
	return nil
}
