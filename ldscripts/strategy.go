// Package ldscripts makes the linker scripts that pad the linker sets of
// kernel modules: one for each architecture and strategy.
//
// The scripts of every architecture and every strategy that needs no knowledge
// of the module lie in this folder, a subfolder an architecture, written by
// [Generate], with their strategy's name as suffix; ldscript.set_padding alone
// is that of [Constraint], for builds that link once. The script for one module
// is made of its [Padding].
//
// Architectures whose modules are relocatable objects (amd64) have none. Their
// loader places sections one by one and resolves references by symbol, so that
// a reference to the end of a set can't be mistaken for one to its neighbour.
// The script that FreeBSD passes for amd64 modules has nothing to do with the
// sets.
package ldscripts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Strategy is a way to pad.
type Strategy string

const (
	// None links without a script.
	None Strategy = "none"
	// Upstream is what FreeBSD 13 and later do on i386: four bytes at the end
	// of both sets, in every module, even one that has neither set.
	Upstream Strategy = "upstream"
	// Constraint adds the same four bytes, but only to the sets that the
	// module has.
	Constraint Strategy = "constraint"
	// SizedSymbol is the two-script form that was proposed when the bug was
	// found: the script of stage 1 makes each set's size a symbol, the one of
	// stage 2 advances the location counter if that is not zero. It is here to
	// be compared with: see [Scripts].
	SizedSymbol Strategy = "sized-symbol"
	// Measured begins like Constraint. If references still leave a set, or
	// neighbours' references land in one, stage 1 is repeated with a script
	// made for this module: see [Padding].
	Measured Strategy = "measured"
	// Auto begins with no more than the kernel asks for, which is Constraint
	// where it looks for the sentinel and None elsewhere, and goes on like
	// Measured.
	Auto Strategy = "auto"

	// Default is the strategy of those who ask for none.
	Default = Auto
)

// Strategies lists every strategy.
var Strategies = []Strategy{None, Upstream, Constraint, SizedSymbol, Measured, Auto}

// Parse finds a strategy by its name.
func Parse(name string) (Strategy, error) {
	if s := Strategy(name); slices.Contains(Strategies, s) {
		return s, nil
	}
	names := make([]string, len(Strategies))
	for i, s := range Strategies {
		names[i] = string(s)
	}
	return "", fmt.Errorf("unknown strategy %q: there are %s", name, strings.Join(names, ", "))
}

// For says what a strategy comes to on an architecture: None where padding
// cures nothing.
func (s Strategy) For(a *arch.Arch) Strategy {
	if a.Shape == arch.Relocatable {
		return None
	}
	return s
}

// First is the strategy of a module's first link: one of the fixed ones, after
// which [Measured] and [Auto] look whether that was enough.
func (s Strategy) First(a *arch.Arch) Strategy {
	switch s = s.For(a); {
	case s == Auto && !a.Sentinel:
		return None
	case s == Auto, s == Measured:
		return Constraint
	}
	return s
}

// Measures says that a module's padding depends on its references.
func (s Strategy) Measures() bool { return s == Auto || s == Measured }

// Sets are the linker sets that the kernel copies per instance, in the order
// of FreeBSD's own script.
var Sets = []string{"set_pcpu", "set_vnet"}

// SentinelSize is the size of the word that ends a padded set: 0x90909090.
const SentinelSize = 4

// Scripts are the scripts of a strategy's first link on an architecture, in the
// order of the stages they are for; there are none when it links without.
//
// Only SizedSymbol has one for stage 2. What that comes to was measured:
// ld.lld pads the sets that are there, and adds an empty section for each that
// is not; GNU ld pads a module that has both sets and refuses any other, since
// SIZEOF of a section that is not there is an error to it. With both, code and
// data come to share pages, as the script takes the place of the linker's own.
func Scripts(a *arch.Arch, s Strategy) []Script {
	s = s.First(a)
	script := Script{Arch: a.Name, Stage: 1, name: string(s), Tried: Tried}
	switch s {
	case Upstream:
		script.Purpose = slices.Concat(upstreamPurpose, sentinelPurpose(a))
	case Constraint:
		script.Purpose = slices.Concat(constraintPurpose, sentinelPurpose(a))
	case SizedSymbol:
		return sizedSymbol(a)
	default:
		return nil
	}
	for _, set := range Sets {
		section := Section{Name: set, After: SentinelSize}
		if s == Constraint {
			section.Constraint = OnlyIfRW
		}
		script.Sections = append(script.Sections, section)
	}
	return []Script{script}
}

// sizedSymbol are the scripts of strategy SizedSymbol.
func sizedSymbol(a *arch.Arch) []Script {
	one := Script{Arch: a.Name, Stage: 1, name: string(SizedSymbol) + ".stage1", Purpose: sizePurpose}
	two := Script{Arch: a.Name, Stage: 2, name: string(SizedSymbol) + ".stage2", Purpose: slices.Concat(sizedSymbolPurpose, sentinelPurpose(a))}
	for _, set := range Sets {
		one.Sizes = append(one.Sizes, Size{Symbol: SizeSymbol(set), Of: set})
		two.Sections = append(two.Sections, Section{Name: set, After: SentinelSize, AfterIf: SizeSymbol(set)})
	}
	return []Script{one, two}
}

// SizeSymbol is the symbol that holds the size of a set with strategy
// SizedSymbol. It has to outlive the localising between the stages.
func SizeSymbol(set string) string { return "kmodpad_sizeof_" + set }
