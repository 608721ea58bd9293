// Package ldscripts makes the linker scripts that pad the linker sets of
// kernel modules: one for each architecture and strategy.
//
// The scripts of every architecture and every strategy that needs no knowledge
// of the module lie in this folder, a subfolder an architecture, written by
// [Generate]; ldscript.set_padding there is the one of the default strategy,
// the others carry their strategy's name as suffix.
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

	// Default is the strategy of those who ask for none.
	Default = Constraint
)

// Strategies lists every strategy.
var Strategies = []Strategy{None, Upstream, Constraint}

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

// Sets are the linker sets that the kernel copies per instance, in the order
// of FreeBSD's own script.
var Sets = []string{"set_pcpu", "set_vnet"}

// SentinelSize is the size of the word that ends a padded set: 0x90909090.
const SentinelSize = 4

// New is the script of a strategy on an architecture; ok is false when that
// links without one.
func New(a *arch.Arch, s Strategy) (script Script, ok bool) {
	script = Script{Arch: a.Name, Tried: Tried}
	constraint := ""
	switch s.For(a) {
	case Upstream:
		script.Purpose = slices.Concat(upstreamPurpose, sentinelPurpose(a))
	case Constraint:
		script.Purpose = slices.Concat(constraintPurpose, sentinelPurpose(a))
		constraint = OnlyIfRW
	default:
		return Script{}, false
	}
	for _, set := range Sets {
		script.Sections = append(script.Sections, Section{Name: set, Constraint: constraint, After: SentinelSize})
	}
	return script, true
}

// Bytes is the text of the script of a strategy on an architecture, nil when
// that links without one.
func Bytes(a *arch.Arch, s Strategy) ([]byte, error) {
	script, ok := New(a, s)
	if !ok {
		return nil, nil
	}
	return script.Render()
}
