package harness_test

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/testdata/harness"
)

// The network stack and the CPU that samples are called on. They differ, so
// that one cannot be taken for the other.
const onVnet, onCPU = 1, 0

// trial is one sample that was verified and then run.
type trial struct {
	*testing.T
	bench   *bench
	sample  *testdata.Sample
	kernel  *loader.Kernel
	module  *loader.Module
	report  *padcheck.Module
	outcome *harness.Outcome

	// displacements of references to each set, and to the module's own
	// variables (nil), that the report predicts
	displaced map[*loader.Set][]uint64
	elements  []element
}

// element is a piece of a variable that a sample writes.
type element struct {
	name  string
	set   *loader.Set // nil for the module's own variables
	right uint64      // address in the instance
	value []byte
	by    uint64 // displacement that it was found at
}

// run verifies a sample, runs it and holds what it did to what the report says.
func (b *bench) run(t *testing.T, s *testdata.Sample, profile string, paths ...string) *trial {
	t.Helper()
	r := &trial{T: t, bench: b, sample: s, displaced: map[*loader.Set][]uint64{}}
	r.kernel, r.report = b.load(t, profile, paths...)
	r.module = r.kernel.Modules[len(r.kernel.Modules)-1]
	require.NoError(t, padcheck.Refusal(r.kernel, r.module))

	var calls []harness.Call
	for _, c := range s.Calls {
		addr, ok := r.module.Find(c.Function)
		require.True(t, ok, "no function %s", c.Function)
		calls = append(calls, harness.Call{Address: addr, Vnet: onVnet, CPU: onCPU})
	}
	var err error
	r.outcome, err = b.kernel.Run(t.Context(), r.kernel.Modules, calls)
	require.NoError(t, err)
	require.Zero(t, r.outcome.Stopped, "signal")
	require.Len(t, r.outcome.Returns, len(calls))

	r.predict()
	for _, w := range s.Writes {
		r.addElements(w)
	}
	r.extend()
	r.findElements()
	r.checkWrites()
	r.checkFaults()
	r.checkFindings()
	r.checkReturns()
	t.Logf("%d of %d elements astray, faults at %#x, returns %d, findings %v",
		r.allStrays(), len(r.elements), r.outcome.Faults, r.outcome.Returns, r.rules())
	if t.Failed() {
		for _, f := range r.report.Findings {
			t.Logf("finding: %s %s: %s", f.Severity, f.Rule, f.Message)
		}
		t.Logf("outcome: %x", *r.outcome)
	}
	return r
}

// predict turns the report's errors into displacements.
func (r *trial) predict() {
	for _, f := range r.report.Findings {
		if f.Severity != padcheck.Error || f.Rule == loader.RuleMissingSentinel {
			continue
		}
		by, ok := harness.Displacement(r.kernel, r.module, f)
		if !ok {
			assert.Equal(r, padcheck.RuleUnrelocatedInitialiser, f.Rule, "finding: %s", f.Message)
			continue
		}
		set := r.module.Set(f.Set)
		if f.Rule == padcheck.RuleCapturedReference {
			set = nil
		}
		if !slices.Contains(r.displaced[set], by) {
			r.displaced[set] = append(r.displaced[set], by)
		}
	}
}

// instance is the right place of an address: of a set's variable in its
// instance, of any other where it is.
func (r *trial) instance(addr uint64) (*loader.Set, uint64) {
	for _, m := range r.kernel.Modules {
		for _, set := range m.Sets {
			if addr < set.Start || addr >= set.Stop {
				continue
			}
			area := fmt.Sprint(harness.Vnet, onVnet)
			if set.Name == loader.SetPcpu {
				area = fmt.Sprint("cpu", onCPU)
			}
			return set, r.outcome.Area(area).Base + addr - set.Start + set.Base
		}
	}
	return nil, addr
}

func (r *trial) addElements(w testdata.Write) {
	width := r.bench.arch.PointerSize()
	if w.Width != "pointer" {
		_, err := fmt.Sscan(w.Width, &width)
		require.NoError(r, err)
	}
	stride, at := w.Stride, w.At
	if stride == 0 {
		stride = width
	}
	if at == nil {
		at = []uint64{0}
	}
	_, addr, _ := variable(r.T, r.kernel, w.Variable)
	set, right := r.instance(addr)
	value := w.First
	for i := range uint64(w.Count) {
		for _, off := range at {
			r.elements = append(r.elements, element{
				name: fmt.Sprintf("%s+%d", w.Variable, i*stride+off), set: set,
				right: r.address(right + i*stride + off), value: r.bytes(value, width),
			})
			value++
		}
	}
}

// address cuts an address to the architecture's width.
func (r *trial) address(addr uint64) uint64 {
	if r.bench.arch.Is64() {
		return addr
	}
	return addr & 0xffffffff
}

// bytes lays out a value in memory.
func (r *trial) bytes(v, width uint64) []byte {
	b := make([]byte, 8)
	if r.bench.arch.Order == binary.ByteOrder(binary.BigEndian) {
		binary.BigEndian.PutUint64(b, v)
		return b[8-width:]
	}
	binary.LittleEndian.PutUint64(b, v)
	return b[:width]
}

// before is what a byte of memory held before the first call.
func (r *trial) before(addr uint64) byte {
	for _, m := range r.kernel.Modules {
		for _, set := range m.Sets {
			for _, name := range []string{harness.Vnet0, harness.Vnet1, harness.CPU0, harness.CPU1} {
				if strings.HasPrefix(name, harness.Vnet) != (set.Name == loader.SetVnet) {
					continue
				}
				if off := addr - r.outcome.Area(name).Base - set.Base; off < uint64(len(set.Template)) {
					return set.Template[off]
				}
			}
			if off := addr - set.Base; off < uint64(len(set.Template)) && m.Read(addr, 1) == nil {
				return set.Template[off]
			}
		}
		if b := m.Read(addr, 1); b != nil {
			return b[0]
		}
	}
	return 0
}

// after is what some bytes of memory hold after the calls.
func (r *trial) after(addr uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		at := r.address(addr + uint64(i))
		b[i] = r.before(at)
		for _, w := range r.outcome.Writes {
			if at-w.Address < uint64(w.Width) {
				b[i] = r.bytes(w.Value, uint64(w.Width))[at-w.Address]
			}
		}
	}
	return b
}

// findElements looks for each element at its right place, and at every other
// that the report predicts; it must be at one of them and at no other.
func (r *trial) findElements() {
	for i := range r.elements {
		e := &r.elements[i]
		var found []uint64
		for _, by := range append([]uint64{0}, r.displaced[e.set]...) {
			if slices.Equal(r.after(e.right+by, len(e.value)), e.value) {
				found = append(found, by)
			}
		}
		if assert.Len(r, found, 1, "%s should be %x at %#x or, as the report has it, %#x from there", e.name, e.value, e.right, r.displaced[e.set]) {
			e.by = found[0]
		}
	}
}

// checkWrites holds every changed word to be part of an element. So the other
// network stack and CPU are untouched, as are the module and the kernel.
func (r *trial) checkWrites() {
	for _, w := range r.outcome.Writes {
		known := slices.ContainsFunc(r.elements, func(e element) bool {
			at := r.address(e.right + e.by)
			return at-w.Address < 4 || w.Address-at < uint64(len(e.value))
		})
		assert.True(r, known || r.counter(w.Address), "nothing explains %+x", w)
	}
}

// counter says whether an address is that of the samples' count of values,
// which is the only variable that they write beside those of samples.yaml.
func (r *trial) counter(addr uint64) bool {
	f, err := elf.Open(r.module.File.Path)
	require.NoError(r, err)
	defer f.Close()
	symbols, err := f.Symbols()
	require.NoError(r, err)
	if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == "stamp_next" }) {
		return false
	}
	_, at, size := variable(r.T, r.kernel, "stamp_next")
	return addr-at < size
}

// checkFaults holds every fault to be the first access to a displaced element,
// and every displaced element in the wild to have faulted.
func (r *trial) checkFaults() {
	for _, fault := range r.outcome.Faults {
		assert.True(r, slices.ContainsFunc(r.elements, func(e element) bool {
			return e.by != 0 && r.address(e.right+e.by) == fault
		}), "nothing explains the fault at %#x", fault)
	}
	for _, e := range r.elements {
		if e.by == 0 {
			continue
		}
		for _, w := range r.outcome.In(harness.Wild) {
			if r.address(e.right+e.by)&^3 == w.Address {
				assert.True(r, slices.ContainsFunc(r.outcome.Faults, func(fault uint64) bool { return fault>>12 == w.Address>>12 }), "%s", e.name)
			}
		}
	}
}

// checkFindings holds every displacement that the report predicts to be that of
// some element.
func (r *trial) checkFindings() {
	for set, displacements := range r.displaced {
		for _, by := range displacements {
			used := slices.ContainsFunc(r.elements, func(e element) bool { return e.set == set && e.by == by })
			assert.True(r, used || r.onlyCompares(), "no element is displaced by %#x", by)
		}
	}
}

// strays counts the elements of a set, or of the module's own variables, that
// went to the wrong place.
func (r *trial) strays(set *loader.Set) (n int) {
	for _, e := range r.elements {
		if e.by != 0 && e.set == set {
			n++
		}
	}
	return n
}

func (r *trial) allStrays() (n int) {
	for _, e := range r.elements {
		if e.by != 0 {
			n++
		}
	}
	return n
}

// rules names the rules of the report's errors, each once.
func (r *trial) rules() []string {
	var rules []string
	for _, f := range r.report.Findings {
		if f.Severity == padcheck.Error && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// right says that the sample did what samples.yaml says it does in a module
// whose references are all as they should be.
func (r *trial) right() bool {
	for i, c := range r.sample.Calls {
		if r.outcome.Returns[i] != c.Returns {
			return false
		}
	}
	return r.allStrays() == 0 && len(r.outcome.Faults) == 0
}
