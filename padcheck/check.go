package padcheck

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// checker applies the rules to one module.
type checker struct {
	k       *loader.Kernel
	m       *loader.Module
	machine *reloc.Machine
	out     *Module
	names   *symbolizer
	refused bool
}

func newChecker(k *loader.Kernel, m *loader.Module) *checker {
	return &checker{k: k, m: m, machine: k.Machine(), out: &Module{
		Path: m.File.Path, Arch: m.File.Arch.Name, Loader: m.Loader.Name(),
		Verdict: OK, Sets: []Set{}, Findings: []Finding{},
	}}
}

func (c *checker) note(format string, args ...any) {
	c.out.Notes = append(c.out.Notes, object.Printable(fmt.Sprintf(format, args...)))
}

// find adds a finding; its mend is the rule's unless it has one.
func (c *checker) find(f Finding) {
	if f.Mend == "" {
		f.Mend = mend(f.Rule)
	}
	f.Message, f.Mend = object.Printable(f.Message), object.Printable(f.Mend) // they may hold names from the file
	c.out.Findings = append(c.out.Findings, f)
}

// check applies every rule. kld is the output of stage 1, or nil.
func (c *checker) check(kld *object.File) error {
	c.problems()
	c.relocations()
	c.sets()
	c.initialisers()
	switch {
	case c.m.File.Type == elf.ET_REL && c.m.File.Arch.Shape == arch.Shared:
		c.find(Finding{Rule: RuleNotShared, Severity: Error, Message: fmt.Sprintf("modules for %s are shared objects, and this is the output of ld -r", c.m.File.Arch)})
	case c.m.File.Type == elf.ET_REL:
		if len(c.m.Sets) > 0 {
			c.note("a relocatable module: references go by symbol, so one past the end of a set is as right as any other, and no padding is needed")
		}
	case kld != nil:
		c.out.KLD = kld.Path
		if err := c.references(kld); err != nil {
			return err
		}
	default:
		c.boundaries()
	}
	c.verdict()
	return nil
}

func (c *checker) verdict() {
	for _, f := range c.out.Findings {
		if f.Severity == Error {
			c.out.Verdict = Broken
		}
	}
	if c.refused {
		c.out.Verdict = Refused
	}
}

// link is the link-time address of an address in the module's map.
func (c *checker) link(addr uint64) uint64 {
	if c.m.File.Type == elf.ET_REL {
		return addr
	}
	return c.mask(addr - c.m.Address)
}

// mask cuts an address to the width of the architecture's.
func (c *checker) mask(addr uint64) uint64 {
	if c.m.File.Arch.Is64() {
		return addr
	}
	return addr & 0xffffffff
}

func addrOf(v uint64) *Addr { a := Addr(v); return &a }

// problems turns what the loader met into findings.
func (c *checker) problems() {
	for _, p := range c.m.Problems {
		severity := Warning
		if p.Refuses {
			severity, c.refused = Error, true
		}
		if p.Rule == loader.RuleMissingDependency {
			if c.k.Symbols == nil {
				// The kernel may have it compiled in.
				c.note("%s; taken to be in the kernel", p.Detail)
				continue
			}
		}
		if p.Rule == loader.RuleCommonSymbol {
			severity = Error
		}
		c.find(Finding{Rule: p.Rule, Severity: severity, Set: p.Set, Message: p.Detail})
	}
}

// relocations looks for records of relocations that the kernel refuses or
// computes wrongly.
func (c *checker) relocations() {
	undefined := map[string]bool{}
	assumed := 0
	for i := range c.m.Trace {
		r := &c.m.Trace[i]
		if r.Assumed {
			assumed++
		}
		switch r.Status {
		case reloc.Applied:
			if c.machine.DropsAddend(r, c.k.Profile) {
				c.addendDropped(r)
			}
			continue
		case reloc.Unknown:
			c.unknownRelocation(r)
		case reloc.Undefined:
			name := c.m.Symbols.NameOf(r.Symbol)
			if undefined[name] {
				continue
			}
			undefined[name] = true
			c.undefinedSymbol(r, name)
		case reloc.Overflow:
			c.findAt(r, Finding{Rule: loader.RuleRelocationOverflow, Severity: Error, Symbol: c.m.Symbols.NameOf(r.Symbol),
				Message: fmt.Sprintf("the value of %s at %s does not fit in its field", c.machine.Name(r.Type), c.place(r.P))})
		}
		if r.Status == reloc.Undefined && c.machine.IgnoresUndefined(r.Type) {
			continue // it is loaded, and calls address zero
		}
		if r.Pass != reloc.Local || c.k.Profile.LocalFailures {
			c.refused = true
		}
	}
	if assumed > 0 {
		c.note("%d relocations name symbols of the kernel or of other modules, which were taken to exist; --kernel and --with check them", assumed)
	}
}

// findAt adds a finding about a relocation.
func (c *checker) findAt(r *reloc.Record, f Finding) {
	f.Place = addrOf(c.link(r.P))
	f.Where = c.where(r.P)
	c.find(f)
}

func (c *checker) unknownRelocation(r *reloc.Record) {
	f := Finding{Rule: loader.RuleUnknownRelocation, Severity: Error, Symbol: c.m.Symbols.NameOf(r.Symbol)}
	f.Message = fmt.Sprintf("%s (%d) at %s is unknown to the %s kernel of FreeBSD %s", c.machine.Name(r.Type), r.Type, c.place(r.P), c.m.File.Arch, c.k.Profile.Name())
	if cause := c.machine.CauseOf(r.Type); cause != "" {
		f.Mend = cause
	}
	c.findAt(r, f)
}

func (c *checker) undefinedSymbol(r *reloc.Record, name string) {
	f := Finding{Rule: loader.RuleUndefinedSymbol, Severity: Error, Symbol: name}
	f.Message = fmt.Sprintf("nothing defines %s, which %s refers to", quoted(name), c.place(r.P))
	if definer := c.k.Definer(c.m, name); definer != "" {
		f.Message += fmt.Sprintf("; %s does, but the module does not depend on it", definer)
		f.Mend = fmt.Sprintf("add MODULE_DEPEND(..., %s, ...)", definer)
	}
	c.findAt(r, f)
}

func (c *checker) addendDropped(r *reloc.Record) {
	addend := int64(r.A)
	c.findAt(r, Finding{Rule: loader.RuleAddendDropped, Severity: Error, Symbol: c.m.Symbols.NameOf(r.Symbol), Addend: &addend,
		Message: fmt.Sprintf("%s at %s gets the address of %s without the addend %s", c.machine.Name(r.Type), c.place(r.P), quoted(c.m.Symbols.NameOf(r.Symbol)), signedHex(addend))})
}

// sets checks the sets themselves and describes them in the report.
func (c *checker) sets() {
	for _, s := range c.m.Sets {
		data := c.m.Read(s.Start, s.Size())
		set := Set{Name: s.Name, Start: Addr(c.link(s.Start)), Stop: Addr(c.link(s.Stop)), Base: Addr(s.Base), Size: s.Size()}
		if s.Allocated == 0 {
			set.Base = 0
		}
		set.Sentinel = linkSentinel(c, data)
		set.PaddingBefore, set.PaddingAfter = c.padding(s, data)
		c.out.Sets = append(c.out.Sets, set)
		c.checkSymbols(s)
		c.checkEmpty(s, set)
		c.checkAlignment(s)
	}
	c.checkLostSets()
}

func linkSentinel(c *checker, data []byte) bool {
	return len(data) >= 4 && c.m.File.Arch.Order.Uint32(data[len(data)-4:]) == 0x90909090
}

// padding counts the bytes 0x90 at either end of a set that belong to no
// variable.
func (c *checker) padding(s *loader.Set, data []byte) (before, after uint64) {
	sentinel := linkSentinel(c, data)
	if !sentinel && (len(data) < 4 || data[0] != 0x90) {
		return 0, 0 // nothing at either end that could be padding
	}
	first, last := c.extent(s)
	n := uint64(len(data))
	for sentinel && after < n-min(n, last) && data[n-1-after] == 0x90 {
		after++
	}
	if after == n {
		return 0, after
	}
	for before < first && before < n && data[before] == 0x90 {
		before++
	}
	if before < 4 {
		before = 0 // a variable that happens to begin with such a byte
	}
	return before, after
}

// extent is the range of offsets in a set that variables of known size cover.
func (c *checker) extent(s *loader.Set) (first, last uint64) {
	first = s.Size()
	t, err := c.m.File.Symbols(elf.SHT_SYMTAB)
	if err != nil || t.Len == 0 {
		t = c.m.Symbols
	}
	for i := range uint32(t.Len) {
		if s.Section == nil || t.SectionOf(i) != s.Section.Index {
			continue
		}
		sym := t.At(i)
		if sym.Size == 0 {
			continue
		}
		off := sym.Value
		if c.m.File.Type != elf.ET_REL {
			off -= s.Section.Addr
		}
		if off < s.Size() && sym.Size <= s.Size()-off {
			first, last = min(first, off), max(last, off+sym.Size)
		}
	}
	return first, last
}

// checkSymbols compares what the kernel takes for a set with the section.
func (c *checker) checkSymbols(s *loader.Set) {
	if c.m.File.Type == elf.ET_REL {
		return
	}
	f := Finding{Rule: RuleBogusSetSymbols, Severity: Error, Set: s.Name}
	start, stop := c.link(s.Start), c.link(s.Stop)
	switch sec := s.Section; {
	case sec == nil && s.Size() == 0:
		f.Severity = Warning
		f.Message = fmt.Sprintf("__start_%s and __stop_%s are both %#x, but there is no section %s; the kernel takes it for an empty set", s.Name, s.Name, start, s.Name)
	case sec == nil:
		f.Message = fmt.Sprintf("__start_%s is %#x and __stop_%s %#x, but there is no section %s", s.Name, start, s.Name, stop, s.Name)
	case start != sec.Addr || stop != sec.Addr+sec.Size:
		f.Message = fmt.Sprintf("__start_%s is %#x and __stop_%s %#x, but the section lies from %#x to %#x", s.Name, start, s.Name, stop, sec.Addr, sec.Addr+sec.Size)
	default:
		return
	}
	c.find(f)
}

// checkLostSets looks for sections that the kernel does not find, since one of
// their symbols is missing.
func (c *checker) checkLostSets() {
	if c.m.File.Type == elf.ET_REL {
		return
	}
	for _, name := range loader.SetNames {
		sec := c.m.File.Section(name)
		if sec == nil || sec.Size == 0 || c.m.Set(name) != nil || !sec.Alloc() {
			continue
		}
		if slices.ContainsFunc(c.m.Problems, func(p loader.Problem) bool { return p.Rule == loader.RuleNoHashTable }) {
			continue
		}
		c.find(Finding{Rule: RuleBogusSetSymbols, Severity: Error, Set: name,
			Message: fmt.Sprintf("there is a section %s of %d bytes, but not both __start_%s and __stop_%s in the dynamic symbol table, so the kernel copies nothing", name, sec.Size, name, name),
			Mend:    fmt.Sprintf("name both symbols with .globl in one of the sources, as <net/vnet.h> and <sys/pcpu.h> do, and keep the linker from hiding them")})
	}
}

// checkEmpty looks for sets without a variable.
func (c *checker) checkEmpty(s *loader.Set, set Set) {
	if s.Section == nil {
		return // bogus symbols, reported as such
	}
	switch {
	case set.Size == 0:
		c.find(Finding{Rule: RuleEmptySetSection, Severity: Warning, Set: s.Name, Message: s.Name + " is there but empty"})
	case set.PaddingAfter == set.Size:
		c.find(Finding{Rule: RuleEmptySetSection, Severity: Warning, Set: s.Name,
			Message: fmt.Sprintf("%s holds %d bytes of padding and no variable", s.Name, set.Size)})
	}
}

// checkAlignment compares the alignment of a set's section with what its space
// grants.
func (c *checker) checkAlignment(s *loader.Set) {
	if s.Section == nil || s.Allocated == 0 {
		return
	}
	grants := c.k.Space(s.Name).Align
	if s.Section.Addralign > grants {
		c.find(Finding{Rule: RuleSetMisaligned, Severity: Warning, Set: s.Name,
			Message: fmt.Sprintf("%s is aligned to %d bytes, but its space grants %d", s.Name, s.Section.Addralign, grants)})
	}
}

// initialisers looks for relocations whose place is inside a set.
func (c *checker) initialisers() {
	for i := range c.m.Trace {
		r := &c.m.Trace[i]
		for _, s := range c.m.Sets {
			if r.P < s.Start || r.P >= s.Stop || r.Status != reloc.Applied || s.Template == nil {
				continue
			}
			c.checkInitialiser(r, s)
		}
	}
}

func (c *checker) checkInitialiser(r *reloc.Record, s *loader.Set) {
	off := r.P - s.Start
	if off+uint64(r.Width) > uint64(len(s.Template)) {
		return
	}
	has := word(c.m.File.Arch.Order, s.Template[off:off+uint64(r.Width)])
	if has == r.After {
		return
	}
	f := Finding{Rule: RuleUnrelocatedInitialiser, Severity: Error, Set: s.Name, Target: addrOf(c.link(r.X)),
		Message: fmt.Sprintf("%s should point to %s at %#x, but every instance gets the link-time value %#x", c.place(r.P), c.describe(r), r.After, has)}
	if c.m.File.Type == elf.ET_REL {
		f.Severity = Warning
		f.Message = fmt.Sprintf("%s should point to %s at %#x, but the instances that exist when the module is loaded get %#x; later ones are right", c.place(r.P), c.describe(r), r.After, has)
	}
	c.findAt(r, f)
}

// boundaries judges references to the end of a set when nothing is known of
// where they come from: an address equal to stop is the end of the set, unless
// something else begins there.
func (c *checker) boundaries() {
	for _, s := range c.m.Sets {
		if s.Size() == 0 {
			continue
		}
		var at []*reloc.Record
		for i := range c.m.Trace {
			r := &c.m.Trace[i]
			if r.Status == reloc.Applied && r.X == s.Stop && !(r.S != 0 && r.Set == reloc.NoSet && r.S == r.X) {
				at = append(at, r)
			}
		}
		if len(at) > 0 {
			c.boundary(s, at)
		}
	}
}

// boundary judges the references to the end of one set. Behind a set that is
// padded they mean what begins there: one that means the set would have to
// reach past the padding, too.
func (c *checker) boundary(s *loader.Set, at []*reloc.Record) {
	begins := c.begins(s)
	stop := c.link(s.Stop)
	if begins != "" {
		if linkSentinel(c, c.m.Read(s.Start, s.Size())) {
			return
		}
		c.findAt(at[0], Finding{Rule: RuleBoundaryReference, Severity: Warning, Set: s.Name, Target: addrOf(stop),
			Message: fmt.Sprintf("%s to %#x, where %s ends and %s begins, the first from %s; which of the two is meant cannot be seen in the module alone", count(len(at), "reference"), stop, s.Name, begins, c.place(at[0].P)),
			Mend:    "verify with the output of link stage 1 (--kld), which still has the symbols; " + mend(RuleBoundaryReference)})
		return
	}
	for _, r := range at {
		c.findAt(r, Finding{Rule: RuleBoundaryReference, Severity: Error, Set: s.Name, Target: addrOf(stop),
			Message: fmt.Sprintf("%s refers to %#x, the first byte past %s, and gets %#x instead of %#x", c.place(r.P), stop, s.Name, r.After, c.mask(s.Base+s.Size()))})
	}
}

// begins names what begins right behind a set; it is empty when nothing does.
func (c *checker) begins(s *loader.Set) string {
	stop := c.link(s.Stop)
	for _, v := range c.symbolizer().startingAt(s.Stop) {
		if v.stop > v.start {
			return v.name
		}
	}
	for i := range c.m.File.Sections {
		sec := &c.m.File.Sections[i]
		if sec.Alloc() && sec.Size > 0 && sec.Addr == stop && sec.Type != elf.SHT_DYNAMIC {
			return "section " + sec.Name
		}
	}
	return ""
}
