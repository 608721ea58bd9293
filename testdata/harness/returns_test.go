package harness_test

import (
	"slices"

	"github.com/stretchr/testify/assert"

	"github.com/kmodpad/kmodpad/padcheck"
)

// Samples whose faults show in what they return, beside where they write.

// extend accounts for end_pointer's loop, whose end is wrong when its reference
// is: it then writes nothing, or what its limit allows.
func (r *trial) extend() {
	if r.sample.Name != "end_pointer" {
		return
	}
	n := r.endPointer()
	last := r.elements[len(r.elements)-1]
	for i := len(r.elements); i < n; i++ {
		r.elements = append(r.elements, element{name: "past the end", set: last.set,
			right: r.elements[i-1].right + r.bench.arch.PointerSize(), value: r.bytes(0x11110000+uint64(i), r.bench.arch.PointerSize())})
	}
	r.elements = r.elements[:n]
}

// endPointer is how many elements end_pointer writes.
func (r *trial) endPointer() int {
	const limit = 24
	begin := r.elements[0].right
	end := begin + 16*r.bench.arch.PointerSize()
	for _, by := range r.displaced[r.elements[0].set] {
		end = r.address(end + by)
	}
	if end < begin {
		return 0
	}
	return int(min(limit, (end-begin)/r.bench.arch.PointerSize()))
}

// onlyCompares says that the references which the sample shows are not written
// through but compared with.
func (r *trial) onlyCompares() bool {
	return r.sample.Name == "end_pointer" || r.sample.Name == "captured_set"
}

// checkReturns holds what the calls returned to what the report implies.
func (r *trial) checkReturns() {
	for i, c := range r.sample.Calls {
		want := c.Returns
		switch r.sample.Name {
		case "end_pointer":
			want = len(r.elements)
		case "captured", "captured_pcpu":
			want -= r.strays(nil) // it reads them again
		case "captured_set":
			want = r.membersFound(want)
		case "initialiser":
			// With link_elf_obj it is a warning: later instances are right.
			if slices.ContainsFunc(r.report.Findings, func(f padcheck.Finding) bool {
				return f.Rule == padcheck.RuleUnrelocatedInitialiser
			}) {
				want = 0
			}
		}
		assert.Equal(r, want, r.outcome.Returns[i], "%s()", c.Function)
	}
}

// finding is the first finding of a rule that is an error, or nil.
func (r *trial) finding(rule string) *padcheck.Finding {
	i := slices.IndexFunc(r.report.Findings, func(f padcheck.Finding) bool {
		return f.Rule == rule && f.Severity == padcheck.Error
	})
	if i < 0 {
		return nil
	}
	return &r.report.Findings[i]
}

// membersFound is how many of its set's members captured_set meets before the
// address that it takes for the set's end.
func (r *trial) membersFound(members int) int {
	const limit, size = 10, 8
	_, begin, _ := variable(r.T, r.kernel, "first")
	_, second, _ := variable(r.T, r.kernel, "second")
	begin = min(begin, second)
	end := begin + uint64(members)*size
	for _, by := range r.displaced[nil] {
		end = r.address(end + by)
	}
	if end < begin {
		return 0
	}
	return int(min(limit, (end-begin)/size))
}
