package padcheck

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// tracer compares the references of the stage 1 output with what the kernel
// made of them.
type tracer struct {
	*checker
	refs   *reference.Reader
	where  *placement
	byP    []*reloc.Record // sorted by place
	byX    map[uint64]*reloc.Record
	names  map[uint32]*reference.Names
	detour map[spot]*loader.Set
	lost   map[string]int // references in sections that were not found
}

// spot is a place in the stage 1 output.
type spot struct {
	section uint32
	offset  int64
}

// references follows every reference of the stage 1 output into the loaded
// module: those that name a set must end up in the instance, at the same
// offset, and no others may.
func (c *checker) references(kld *object.File) error {
	refs, err := reference.NewReader(kld)
	if err != nil {
		return err
	}
	t := &tracer{checker: c, refs: refs, names: map[uint32]*reference.Names{}, detour: map[spot]*loader.Set{}, lost: map[string]int{}}
	if len(c.m.Sets) == 0 {
		return nil
	}
	if t.where, err = c.locate(refs); err != nil {
		return err
	}
	t.byP = make([]*reloc.Record, len(c.m.Trace))
	for i := range c.m.Trace {
		t.byP[i] = &c.m.Trace[i]
	}
	slices.SortStableFunc(t.byP, func(a, b *reloc.Record) int {
		switch {
		case a.P < b.P:
			return -1
		case a.P > b.P:
			return 1
		}
		return 0
	})
	if err := t.detours(); err != nil {
		return err
	}
	if err := refs.Each(t.follow); err != nil {
		return err
	}
	for name, n := range t.lost {
		c.note("%d references in section %s of %s could not be followed: the section is not to be found in the module", n, name, kld.Path)
	}
	slices.Sort(c.out.Notes)
	return nil
}

// record finds what the kernel did at a place; nil when it did nothing.
func (t *tracer) record(p uint64) *reloc.Record {
	i, ok := slices.BinarySearchFunc(t.byP, p, func(r *reloc.Record, p uint64) int {
		switch {
		case r.P < p:
			return -1
		case r.P > p:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return t.byP[i]
}

// set is the set that a section of the stage 1 output becomes.
func (t *tracer) set(s *object.Section) *loader.Set {
	if s == nil {
		return nil
	}
	return t.m.Set(s.Name)
}

// detours notes references that reach a set through a second place: the TOC
// entries of powerpc64, and on riscv64 the instructions that the low halves of
// GOT loads name.
func (t *tracer) detours() error {
	switch t.m.File.Arch.Machine {
	case elf.EM_PPC64, elf.EM_RISCV:
	default:
		return nil
	}
	return t.refs.Each(func(r *reference.Reference) error {
		set := t.set(r.To)
		if set == nil {
			return nil
		}
		if r.Form == reloc.GOT || r.Form == reloc.Absolute && r.From.Name == ".toc" {
			t.detour[spot{r.From.Index, int64(r.Offset)}] = set
		}
		return nil
	})
}

// follow judges one reference.
func (t *tracer) follow(r *reference.Reference) error {
	set := t.set(r.To)
	via := false
	if set == nil && r.To != nil && len(t.detour) > 0 && r.Form.Second() {
		if set = t.detour[spot{r.To.Index, r.Target}]; set != nil {
			via = true
		}
	}
	if set != nil && set.Allocated == 0 {
		return nil
	}
	p, ok := t.where.at(r.From, r.Offset)
	if r.To != nil && set == nil && (r.Form == reloc.GOT || !ok && r.From.Name == ".toc") {
		t.capturedEntry(r)
		return nil
	}
	if !ok && set != nil && r.From.Name == ".toc" {
		// GNU ld has made it an entry of the GOT.
		if rec := t.entry(set.Start + uint64(r.Target)); rec != nil {
			p, ok = rec.P, true
		}
	}
	if !ok {
		if set != nil {
			t.lost[r.From.Name]++
		}
		return nil
	}
	switch {
	case via || set != nil && (r.Form == reloc.GOT || r.Form == reloc.GOTLow):
		t.throughGOT(r, set, p)
	case set != nil && r.Form.PastKernel():
		if !r.Form.Second() {
			t.pastKernel(r, set, p)
		}
	case set != nil && r.Form == reloc.Branch:
	case set != nil:
		t.intoSet(r, set, p)
	case r.To != nil:
		t.neighbour(r, p)
	}
	return nil
}

// intoSet checks a reference by absolute address: it must have a relocation,
// whose result is the same offset of the instance's template.
func (t *tracer) intoSet(r *reference.Reference, set *loader.Set, p uint64) {
	want := t.mask(set.Base + uint64(r.Target))
	rec := t.record(p)
	switch {
	case rec == nil:
		t.report(r, set, p, RuleUnvirtualisedReference, "the linker resolved it for good, and the kernel never sees it")
		return
	case rec.Status != reloc.Applied || t.machine.DropsAddend(rec, t.k.Profile):
		return // reported as such
	case r.Form == reloc.Absolute && rec.After == want&widthMask(rec.Width):
		return
	case r.Form != reloc.Absolute && rec.Set == set.Number:
		return
	}
	size := int64(set.Size())
	rule := RuleUnvirtualisedReference
	switch {
	case r.Target < 0:
		rule = RuleReferenceBelowSet
	case r.Target == size && !t.hasSentinel(set):
		rule = RuleBoundaryReference
	case r.Target >= size:
		rule = RuleReferencePastPadding
	}
	t.report(r, set, p, rule, fmt.Sprintf("it gets %#x instead of %#x", rec.After, want))
}

func widthMask(width uint8) uint64 {
	if width >= 8 {
		return ^uint64(0)
	}
	return 1<<(8*width) - 1
}

func (t *tracer) hasSentinel(set *loader.Set) bool {
	return linkSentinel(t.checker, t.m.Read(set.Start, set.Size()))
}

// report makes a finding of a reference to a set.
func (t *tracer) report(r *reference.Reference, set *loader.Set, p uint64, rule, consequence string) {
	v := t.name(r.To, r.Target)
	position := ""
	switch size := int64(set.Size()); {
	case r.Target < 0:
		position = fmt.Sprintf(", %d bytes below %s", -r.Target, set.Name)
	case r.Target == size:
		position = ", the end of " + set.Name
	case r.Target > size:
		position = fmt.Sprintf(", %d bytes past the end of %s", r.Target-size, set.Name)
	}
	t.find(Finding{
		Rule: rule, Severity: Error, Set: set.Name,
		Place: addrOf(t.link(p)), Where: t.checker.where(p),
		Symbol: v.Name, Addend: &v.Offset, Target: addrOf(t.mask(t.link(set.Start) + uint64(r.Target))),
		Message: fmt.Sprintf("%s refers to %s%s; %s", t.place(p), plus(v.Name, v.Offset), position, consequence),
	})
}

// name names an offset of a section by the variables there.
func (t *tracer) name(s *object.Section, offset int64) reference.Variable {
	names := t.names[s.Index]
	if names == nil {
		names = t.refs.Names(s)
		t.names[s.Index] = names
	}
	return names.At(offset)
}

// pastKernel reports addressing that leaves nothing for the kernel to rewrite.
func (t *tracer) pastKernel(r *reference.Reference, set *loader.Set, p uint64) {
	how := "PC-relative"
	if r.Form == reloc.BaseRelative {
		how = "relative to the GOT or TOC"
	}
	t.report(r, set, p, RuleUnvirtualisedReference, fmt.Sprintf("it is %s (%s), which the linker resolves for good, so the code uses the module's own %s", how, t.machine.Name(r.Type), set.Name))
}

// throughGOT checks that the instruction which loaded an address from the GOT
// or the TOC still does. The entry and its relocation stay in the module even
// when nothing uses them, so only the instruction tells.
func (t *tracer) throughGOT(r *reference.Reference, set *loader.Set, p uint64) {
	mask := t.machine.LoadMask(r.Type)
	if mask == 0 {
		return
	}
	data, err := t.refs.File.Data(r.From)
	if err != nil {
		return // reported when the references were read
	}
	offset := t.machine.InstructionAt(r.Type, int64(r.Offset))
	if offset < 0 || offset+4 > int64(len(data)) {
		return
	}
	have := t.m.Read(p+uint64(offset-int64(r.Offset)), 4)
	if have == nil {
		return
	}
	order := t.machine.Arch.Order
	was, is := order.Uint32(data[offset:])&mask, order.Uint32(have)&mask
	if was == is {
		return
	}
	t.relaxed(r, set, p)
}

func (t *tracer) relaxed(r *reference.Reference, set *loader.Set, p uint64) {
	target := *r
	if t.set(r.To) == nil { // through the TOC: the offset in the set is the entry's
		target.To, target.Target = t.refs.File.Section(set.Name), 0
	}
	t.report(&target, set, p, RuleUnvirtualisedReference, fmt.Sprintf("the linker turned the load through the GOT or TOC (%s) into an address, which the kernel never sees", t.machine.Name(r.Type)))
}

// neighbour checks a reference that does not name a set: it must not be
// rewritten as if it did.
func (t *tracer) neighbour(r *reference.Reference, p uint64) {
	if r.Form.PastKernel() || r.Form == reloc.Branch || r.Form == reloc.GOTLow {
		return
	}
	rec := t.record(p)
	if rec == nil || rec.Set == reloc.NoSet {
		return
	}
	set := t.k.SetByNumber(rec.Set)
	if set == nil || set.Module != t.m {
		return
	}
	v := t.name(r.To, r.Target)
	if r.Bound {
		v = reference.Variable{Name: t.refs.Symbols.NameOf(r.Symbol), Offset: r.Addend}
	}
	t.find(Finding{
		Rule: RuleCapturedReference, Severity: Error, Set: set.Name,
		Place: addrOf(t.link(p)), Where: t.checker.where(p),
		Symbol: v.Name, Addend: &v.Offset, Target: addrOf(t.link(rec.X)),
		Message: fmt.Sprintf("%s refers to %s of section %s, an address that lies in %s; the kernel takes it for a virtualised variable and makes it %#x instead of %#x",
			t.place(p), plus(v.Name, v.Offset), r.To.Name, set.Name, rec.After, t.mask(rec.X+rec.A-t.sumAddend(rec))),
	})
}

// capturedEntry looks for a neighbour's address in the GOT or the TOC that lies
// in a set. The entry is the linker's, and where it is the reference does not
// say; but every entry with that address is rewritten alike.
func (t *tracer) capturedEntry(r *reference.Reference) {
	target, ok := t.where.at(r.To, uint64(r.Target))
	if !ok {
		return
	}
	if rec := t.entry(target); rec != nil {
		t.neighbour(r, rec.P)
	}
}

// entry finds a relocation that puts an address, as it was before the kernel
// looked for it in the sets, into the module; nil when there is none.
func (t *tracer) entry(target uint64) *reloc.Record {
	if t.byX == nil {
		t.byX = make(map[uint64]*reloc.Record)
		for _, rec := range t.byP {
			if _, known := t.byX[rec.X]; !known && rec.Status == reloc.Applied {
				t.byX[rec.X] = rec
			}
		}
	}
	return t.byX[t.mask(target)]
}

// sumAddend is the part of X that the addend already is: relative relocations
// are looked up by the sum, those against a symbol by the symbol alone.
func (t *tracer) sumAddend(rec *reloc.Record) uint64 {
	if rec.S == 0 {
		return rec.A
	}
	return 0
}
