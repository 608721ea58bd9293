package reference

import (
	"cmp"
	"slices"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// Need is how far the references to a set reach, and the padding that puts
// every one of them inside.
type Need struct {
	Set   string
	Size  uint64 // bytes in this file
	Align uint64
	// Low and High are the lowest and the highest offset referred to, counted
	// from the start of the set. Any tells whether there is a reference at all.
	Low, High int64
	Any       bool
	// Count is the number of references, a pair of instructions counting once.
	Count int
	// PastKernel counts references that no padding helps, since the linker
	// resolves them for good.
	PastKernel int
	// Causes are references that reach Low, if that is below the set, or High,
	// if that is past it: the first few of each.
	Causes []Cause
	// Before and After are the bytes of padding needed at either end. Before
	// is a multiple of Align, so that the variables keep theirs; After a
	// multiple of four, whose last word is the sentinel.
	Before, After uint64
}

// Outside says whether some reference leaves the set.
func (n *Need) Outside() bool { return n.Any && (n.Low < 0 || n.High >= int64(n.Size)) }

// Overshoot is how far the references to a section other than a set leave it:
// what a set next to it must be guarded against.
type Overshoot struct {
	Section string
	// Below and Above are bytes. A reference to the section's end, as to the
	// end of an array or of a linker set, is one byte above.
	Below, Above uint64
	Causes       []Cause
}

// Cause is a reference that reaches as far as any.
type Cause struct {
	File    string
	Section string // that holds the place
	Offset  uint64 // of the place
	In      Variable
	// Symbol and Addend are what the relocation names; Target is the offset in
	// the set or section that it comes to.
	Symbol string
	Addend int64
	Target int64
	Type   string
}

// Measurement is what the references of one file need.
type Measurement struct {
	File  string
	Arch  string
	Sets  []Need
	Other []Overshoot
	// GuardBefore and GuardAfter are how wide a guard outside of the sets must
	// be on either side to keep every neighbour's reference from landing in
	// them, in bytes, multiples of four.
	GuardBefore, GuardAfter uint64
}

// Set finds what a set needs; nil when the file has no such set.
func (m *Measurement) Set(name string) *Need {
	for i := range m.Sets {
		if m.Sets[i].Set == name {
			return &m.Sets[i]
		}
	}
	return nil
}

// causesKept is the number of references named for each end.
const causesKept = 4

// Measure reads the references of a relocatable object and says how much
// padding each of the sets needs. It keeps only the extremes, so that memory
// does not grow with the number of references.
func Measure(f *object.File, sets []string) (*Measurement, error) {
	r, err := NewReader(f)
	if err != nil {
		return nil, err
	}
	m := &measurer{r: r, need: map[uint32]*Need{}, over: map[uint32]*Overshoot{}, names: map[uint32]*Names{}}
	for i := range f.Sections {
		s := &f.Sections[i]
		if slices.Contains(sets, s.Name) && s.Alloc() {
			m.need[s.Index] = &Need{Set: s.Name, Size: s.Size, Align: max(s.Addralign, 1)}
		}
	}
	if err := r.Each(m.add); err != nil {
		return nil, err
	}
	return m.result(), nil
}

type measurer struct {
	r     *Reader
	need  map[uint32]*Need
	over  map[uint32]*Overshoot
	names map[uint32]*Names
}

func (m *measurer) add(r *Reference) error {
	if r.To == nil || !r.To.Alloc() {
		return nil
	}
	if n := m.need[r.To.Index]; n != nil {
		m.addSet(n, r)
		return nil
	}
	switch r.Form {
	case reloc.Absolute, reloc.AbsoluteHigh, reloc.AbsoluteLow:
		m.addOther(r)
	}
	return nil
}

func (m *measurer) addSet(n *Need, r *Reference) {
	switch {
	case r.Bound || r.Form == reloc.Branch:
		return // the linker's own symbols move with the padding
	case r.Form.PastKernel():
		if !r.Form.Second() {
			n.PastKernel++
		}
		return
	}
	if !r.Form.Second() {
		n.Count++
	}
	if !n.Any {
		n.Low, n.High, n.Any = r.Target, r.Target, true
	}
	low, high := r.Target < n.Low, r.Target > n.High
	n.Low, n.High = min(n.Low, r.Target), max(n.High, r.Target)
	if (low || high) && len(n.Causes) > 0 {
		n.Causes = slices.DeleteFunc(n.Causes, func(c Cause) bool { return c.Target != n.Low && c.Target != n.High })
	}
	if (r.Target == n.Low && n.Low < 0 || r.Target == n.High && n.High >= int64(n.Size)) && !r.Form.Second() {
		n.Causes = m.cause(n.Causes, r)
	}
}

func (m *measurer) addOther(r *Reference) {
	below, above := uint64(0), uint64(0)
	switch size := int64(r.To.Size); {
	case r.Target < 0:
		below = uint64(-r.Target)
	case r.Target >= size:
		above = uint64(r.Target-size) + 1
	default:
		return
	}
	o := m.over[r.To.Index]
	if o == nil {
		o = &Overshoot{Section: r.To.Name}
		m.over[r.To.Index] = o
	}
	if below > o.Below || above > o.Above {
		o.Causes = slices.DeleteFunc(o.Causes, func(c Cause) bool { return below > 0 && c.Target < 0 || above > 0 && c.Target >= 0 })
	}
	o.Below, o.Above = max(o.Below, below), max(o.Above, above)
	if (below > 0 && below == o.Below || above > 0 && above == o.Above) && !r.Form.Second() {
		o.Causes = m.cause(o.Causes, r)
	}
}

// cause adds a reference to those that reach as far as it does, unless there
// are enough.
func (m *measurer) cause(causes []Cause, r *Reference) []Cause {
	same := 0
	for _, c := range causes {
		if c.Target == r.Target {
			same++
		}
	}
	if same >= causesKept {
		return causes
	}
	names := m.names[r.From.Index]
	if names == nil {
		names = m.r.Names(r.From)
		m.names[r.From.Index] = names
	}
	return append(causes, Cause{
		File: m.r.File.Path, Section: r.From.Name, Offset: r.Offset, In: names.At(int64(r.Offset)),
		Symbol: m.r.Symbols.NameOf(r.Symbol), Addend: r.Addend, Target: r.Target, Type: m.r.machine.Name(r.Type),
	})
}

// result adds up what was found.
func (m *measurer) result() *Measurement {
	out := &Measurement{File: m.r.File.Path, Arch: m.r.File.Arch.Name}
	for _, n := range m.need {
		n.Before, n.After = n.padding()
		n.Causes = slices.DeleteFunc(n.Causes, func(c Cause) bool {
			return !(c.Target == n.Low && n.Low < 0) && !(c.Target == n.High && n.High >= int64(n.Size))
		})
		slices.SortStableFunc(n.Causes, func(a, b Cause) int { return cmp.Compare(a.Target, b.Target) })
		out.Sets = append(out.Sets, *n)
	}
	slices.SortFunc(out.Sets, func(a, b Need) int { return cmp.Compare(a.Set, b.Set) })
	for i := range m.r.File.Sections {
		if o := m.over[uint32(i)]; o != nil {
			out.Other = append(out.Other, *o)
			out.GuardBefore = max(out.GuardBefore, roundUp(o.Above, 4))
			out.GuardAfter = max(out.GuardAfter, roundUp(o.Below, 4))
		}
	}
	return out
}

// padding is the padding that puts every reference inside.
func (n *Need) padding() (before, after uint64) {
	if !n.Any {
		return 0, 0
	}
	if n.Low < 0 {
		before = roundUp(uint64(-n.Low), n.Align)
	}
	if past := n.High - int64(n.Size); past >= 0 {
		after = roundUp(uint64(past)+1, 4)
	}
	return before, after
}

// roundUp rounds n up to a multiple of to, and down to the largest one where
// that would overflow.
func roundUp(n, to uint64) uint64 {
	if to <= 1 {
		return n
	}
	if r := n % to; r != 0 {
		n += min(to-r, ^uint64(0)-n)
	}
	return n
}
