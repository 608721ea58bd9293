package ldscripts

import (
	"fmt"

	"github.com/kmodpad/kmodpad/templates"
)

// Script is the data of a padding script: what it says about itself, and its
// output sections in order.
type Script struct {
	Arch string
	// Stage is the link stage that it is for: 1 (ld -r) or 2 (ld -Bshareable).
	Stage    int
	Purpose  []string // lines of the opening comment
	Tried    []Linker
	Sizes    []Size
	Sections []Section

	name string // what tells its file from other scripts' of the architecture
}

// Size is a symbol that is defined as the size of a section.
type Size struct{ Symbol, Of string }

// Section is one linker set of a script: its inputs, the padding inside it and
// the guards outside it.
type Section struct {
	// Name is the set's name, as an output section and as an input section.
	Name string
	// Constraint is OnlyIfRW for a statement that vanishes with its inputs, or
	// empty for one that always makes a section.
	Constraint string
	// Before and After count the bytes of padding at either end. All of them
	// are 0x90, so from four bytes on the set ends in the sentinel.
	Before, After uint64
	// AfterIf is a symbol that is zero when there is to be no padding after
	// all; empty for padding that does not depend on one.
	AfterIf string
	// GuardBefore and GuardAfter name input sections that are to lie directly
	// next to the set, outside it; those of [Padding.Guards]. Guards need an
	// input of their own: data statements alone give a section whose flags
	// differ from linker to linker, and land in another segment.
	GuardBefore, GuardAfter string
}

// OnlyIfRW keeps a statement only if some input section of it is writable,
// which the sets' inputs are: no inputs, no section. Data statements under it
// behave in GNU ld and ld.lld alike when given to stage 1; assignments to the
// location counter do not (GNU ld refuses them in a statement that vanishes).
const OnlyIfRW = "ONLY_IF_RW"

// Head lists the data statements of the padding before the inputs.
func (s Section) Head() []string { return fill(s.Before) }

// Tail lists the statements of the padding after the inputs.
func (s Section) Tail() []string {
	if s.AfterIf != "" {
		return []string{fmt.Sprintf(". = . + (%s > 0 ? %d : 0);", s.AfterIf, s.After)}
	}
	return fill(s.After)
}

// fill makes n bytes of 0x90 of data statements, smallest first, so that the
// last four bytes stand there as one word whenever n says so. A word of equal
// bytes is the same in either byte order.
func fill(n uint64) []string {
	var lines []string
	if n&1 != 0 {
		lines = append(lines, "BYTE(0x90)")
	}
	if n&2 != 0 {
		lines = append(lines, "SHORT(0x9090)")
	}
	for range n / 8 {
		lines = append(lines, "QUAD(0x9090909090909090)")
	}
	if n&4 != 0 {
		lines = append(lines, "LONG(0x90909090)")
	}
	return lines
}

// FileName is the script's file name among those of its architecture.
func (s Script) FileName() string { return FileName + "." + s.name }

// Render writes the script as text.
func (s Script) Render() ([]byte, error) {
	text, err := templates.Render("ldscript.set_padding", s)
	if err != nil {
		return nil, fmt.Errorf("linker script for %s: %w", s.Arch, err)
	}
	return text, nil
}
