package ldscripts

import (
	"slices"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Padding is what one module needs, as its references were measured.
type Padding struct {
	// Sets are the sets that the module has, and no others: they are named in
	// the script without a constraint.
	Sets []SetPadding `json:"sets"`
	// GuardBefore and GuardAfter are how wide the guards on either side of
	// each set are, in bytes.
	GuardBefore uint64 `json:"guard_before"`
	GuardAfter  uint64 `json:"guard_after"`
	// Flags are the e_flags of the module's objects, which linkers compare.
	Flags uint32 `json:"flags"`
}

// SetPadding is the padding of one set, in bytes.
type SetPadding struct {
	Name   string `json:"name"`
	Before uint64 `json:"before"`
	After  uint64 `json:"after"`
	// ReadOnly says that no input of the set is writable. Its guards must not
	// be either, or the linker puts them into another segment.
	ReadOnly bool `json:"read_only"`
}

// Script is the script for the module, for link stage 1. Its guards are input
// sections of the object that [Padding.GuardObject] makes.
func (p Padding) Script(a *arch.Arch) Script {
	script := Script{Arch: a.Name, Stage: 1, name: string(Measured), Purpose: slices.Clone(measuredPurpose), Tried: Tried}
	if p.Guarded() {
		script.Purpose = append(script.Purpose, guardPurpose...)
	}
	script.Purpose = append(script.Purpose, sentinelPurpose(a)...)
	for _, set := range p.Sets {
		section := Section{Name: set.Name, Before: set.Before, After: set.After}
		if p.GuardBefore > 0 {
			section.GuardBefore = guardBefore(set.Name)
		}
		if p.GuardAfter > 0 {
			section.GuardAfter = guardAfter(set.Name)
		}
		script.Sections = append(script.Sections, section)
	}
	return script
}

// Guarded says that there are guards.
func (p Padding) Guarded() bool {
	return len(p.Sets) > 0 && (p.GuardBefore > 0 || p.GuardAfter > 0)
}

// Each set has guards of its own. The names have dots at their ends, so that
// linkers neither take them for linker sets nor merge them with .data.
func guardBefore(set string) string { return ".kmodpad.before." + set }
func guardAfter(set string) string  { return ".kmodpad.after." + set }

// guards are the sections of the guards' object.
func (p Padding) guards() []guard {
	var list []guard
	for _, set := range p.Sets {
		if p.GuardBefore > 0 {
			list = append(list, guard{guardBefore(set.Name), p.GuardBefore, !set.ReadOnly})
		}
		if p.GuardAfter > 0 {
			list = append(list, guard{guardAfter(set.Name), p.GuardAfter, !set.ReadOnly})
		}
	}
	return list
}
