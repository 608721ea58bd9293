// Package linkelf is a dry run of sys/kern/link_elf.c, the kernel linker for
// shared objects. Its functions carry the names of the kernel's and follow one
// another in the kernel's order.
package linkelf

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// Loader loads shared objects.
type Loader struct{}

// Name is the kernel's name for its linker of shared objects.
func (Loader) Name() string { return "link_elf" }

// Accepts says whether a file is a shared object, or an executable, which this
// linker loads as well.
func (Loader) Accepts(f *object.File) bool { return f.Type == elf.ET_DYN || f.Type == elf.ET_EXEC }

// mapLimit bounds the memory that a module may ask for, in bytes. A kernel has
// no such number, but none has room for more.
const mapLimit = 256 << 20

// file is struct elf_file.
type file struct {
	*loader.Module
	kernel  *loader.Kernel
	mem     []byte // the map; mem[0] is at Address
	order   interface{ Uint32([]byte) uint32 }
	dynamic uint64 // offset of the dynamic section in mem

	hash     hashTable
	strtab   []byte
	symbols  *object.Symbols // DT_SYMTAB, nchains entries
	tables   []table
	resolved []resolution // by symbol number
	full     *fullTable
}

// table is one relocation table, in the order in which the kernel walks them.
type table struct {
	name string
	*object.Relocations
	plt bool
}

// Load is link_elf_load_file.
func (l Loader) Load(k *loader.Kernel, f *object.File) (*loader.Module, error) {
	ef := &file{Module: k.NewModule(l, f), kernel: k, order: f.Arch.Order}
	if err := ef.loadSegments(); err != nil {
		return nil, err
	}
	if err := ef.parseDynamic(); err != nil {
		return nil, err
	}
	if err := ef.parseSets(); err != nil {
		return nil, err
	}
	if err := ef.relocLocal(); err != nil {
		return nil, err
	}
	if start, stop, ok, err := ef.lookupSet("set_modmetadata_set"); err != nil {
		return nil, err
	} else if ok && start < stop {
		if _, err := ef.tableAt(start-ef.Address, stop-start, "set_modmetadata_set"); err != nil {
			return nil, err
		}
		ef.ReadMetadata(start, stop)
	}
	k.LoadDependencies(ef.Module)
	if err := ef.relocateFile(); err != nil {
		return nil, err
	}
	ef.Find, ef.SectionAddr, ef.LinkerSet = ef.find, ef.sectionAddr, ef.linkerSet
	k.Loaded(ef.Module)
	return ef.Module, nil
}

// loadSegments maps the PT_LOAD segments as link_elf_load_file does: one
// contiguous region from the first segment's page to the end of the last.
func (ef *file) loadSegments() error {
	var segs []*object.Segment
	var dyn *object.Segment
	for i := range ef.File.Segments {
		p := &ef.File.Segments[i]
		switch p.Type {
		case elf.PT_LOAD:
			segs = append(segs, p)
		case elf.PT_DYNAMIC:
			dyn = p
		case elf.PT_INTERP:
			ef.Problem(loader.Problem{Rule: loader.RuleInterpreterRequested, Refuses: true,
				Detail: "it has a PT_INTERP segment, as a program has, and the kernel says ENOSYS"})
		}
	}
	if dyn == nil {
		return ef.Unusable("no PT_DYNAMIC segment (the kernel says: Object is not dynamically-linked); link with -Bshareable")
	}
	if len(segs) == 0 {
		return ef.Unusable("no PT_LOAD segment (the kernel says: No sections)")
	}
	if limit := ef.kernel.Profile.MaxSegments; len(segs) > limit {
		ef.Problem(loader.Problem{Rule: loader.RuleTooManySegments, Refuses: true,
			Detail: fmt.Sprintf("it has %d PT_LOAD segments, and FreeBSD %s takes %d (the kernel says: Too many sections)", len(segs), ef.kernel.Profile.Name(), limit)})
	}
	page := ef.File.Arch.PageSize
	first, last := segs[0], segs[len(segs)-1]
	base := first.VAddr &^ (page - 1)
	limit := (last.VAddr + last.Memsz + page - 1) &^ (page - 1)
	if limit < base || limit-base > mapLimit {
		return ef.Unusable("it maps addresses %#x to %#x, more than %d MiB", base, limit, mapLimit>>20)
	}
	size := limit - base
	end := base
	for i, p := range segs {
		if i > 0 && p.VAddr < end {
			return ef.Unusable("segment %d begins at %#x, before the end of the one before, %#x; the kernel expects segments in ascending order", i, p.VAddr, end)
		}
		end = p.VAddr + p.Memsz
		if p.VAddr < base || p.VAddr-base > size || p.Memsz > size-(p.VAddr-base) {
			return ef.Unusable("segment %d at %#x, %d bytes long, lies outside the map from %#x to %#x; the kernel expects segments in ascending order", i, p.VAddr, p.Memsz, base, limit)
		}
	}
	if dyn.VAddr < base || dyn.VAddr-base >= size {
		return ef.Unusable("the dynamic section at %#x lies outside the map from %#x to %#x", dyn.VAddr, base, limit)
	}
	if base != 0 {
		ef.Problem(loader.Problem{Rule: loader.RuleNotAtZero, Refuses: true,
			Detail: fmt.Sprintf("its first segment begins at %#x; the kernel adds addresses to where it put the first byte, and so finds none of the module's tables", base)})
		return ef.Unusable("its first segment begins at %#x, and the kernel can load modules linked at 0 only", base)
	}
	ef.checkHeaders(first)
	var err error
	if ef.mem, err = ef.kernel.Map(ef.Module, size); err != nil {
		return err
	}
	for _, p := range segs {
		data, err := ef.File.SegmentData(p)
		if err != nil {
			return err
		}
		copy(ef.mem[p.VAddr-base:], data) // the rest is zero already
	}
	ef.dynamic = dyn.VAddr - base
	return nil
}

// checkHeaders looks for what preload_protect reads on aarch64: the ELF header
// and the program headers of a preloaded module at the module's address.
func (ef *file) checkHeaders(first *object.Segment) {
	if !ef.kernel.Profile.ReadsHeaders(ef.File.Arch) {
		return
	}
	if first.Offset != 0 || first.Filesz < ef.File.ProgramHeaders {
		ef.Problem(loader.Problem{Rule: loader.RuleHeadersOutsideSegment, Refuses: true,
			Detail: "the ELF header and program headers are not at the start of the first segment, where preload_protect reads them when the boot loader has loaded the module"})
	}
}

// at returns n bytes of the map from a link-time address on.
func (ef *file) at(addr, n uint64, what string) ([]byte, error) {
	size := uint64(len(ef.mem))
	if addr > size || n > size-addr {
		return nil, ef.Unusable("%s at %#x, %d bytes long, lies outside the module's %d bytes", what, addr, n, size)
	}
	return ef.mem[addr : addr+n : addr+n], nil
}

// tableAt is at for what a linker has written and the kernel reads as a table.
// It cannot be longer than the file; a piece of .bss taken for one could.
func (ef *file) tableAt(addr, n uint64, what string) ([]byte, error) {
	if n > ef.File.Size {
		return nil, ef.Unusable("%s at %#x, %d bytes long, is longer than the file of %d bytes", what, addr, n, ef.File.Size)
	}
	return ef.at(addr, n, what)
}

// parseDynamic is parse_dynamic.
func (ef *file) parseDynamic() error {
	is64 := ef.File.Arch.Is64()
	order := ef.File.Arch.Order
	word := func(b []byte) uint64 {
		if is64 {
			return order.Uint64(b)
		}
		return uint64(order.Uint32(b))
	}
	ptr := ef.File.Arch.PointerSize()
	tags := map[elf.DynTag]uint64{}
	for at := ef.dynamic; ; at += 2 * ptr {
		entry, err := ef.at(at, 2*ptr, "a dynamic section that DT_NULL does not end")
		if err != nil {
			return err
		}
		tag := elf.DynTag(word(entry))
		if tag == elf.DT_NULL {
			break
		}
		tags[tag] = word(entry[ptr:])
	}
	for _, entry := range []struct {
		tag  elf.DynTag
		size uint64
	}{
		{elf.DT_SYMENT, ef.File.SymbolSize()},
		{elf.DT_RELENT, ef.File.RelocationSize(false)},
		{elf.DT_RELAENT, ef.File.RelocationSize(true)},
	} {
		if have, ok := tags[entry.tag]; ok && have != entry.size {
			return ef.Unusable("%v is %d, expected %d", entry.tag, have, entry.size)
		}
	}
	if err := ef.parseHash(tags); err != nil {
		return err
	}
	if addr, ok := tags[elf.DT_STRTAB]; ok {
		var err error
		if ef.strtab, err = ef.tableAt(addr, tags[elf.DT_STRSZ], "the dynamic string table"); err != nil {
			return err
		}
	}
	ef.symbols = ef.File.NewSymbols(nil, "")
	if addr, ok := tags[elf.DT_SYMTAB]; ok {
		data, err := ef.tableAt(addr, uint64(ef.hash.nchains())*ef.File.SymbolSize(), "the dynamic symbol table")
		if err != nil {
			return err
		}
		ef.symbols = ef.File.NewSymbols(data, string(ef.strtab))
	}
	ef.Symbols = ef.symbols
	ef.resolved = make([]resolution, ef.symbols.Len)
	return ef.parseRelocations(tags)
}

// parseRelocations finds the tables that relocate_file1 walks, in its order.
func (ef *file) parseRelocations(tags map[elf.DynTag]uint64) error {
	add := func(name string, addr, size elf.DynTag, addends, plt bool) error {
		at, ok := tags[addr]
		if !ok {
			return nil
		}
		data, err := ef.tableAt(at, tags[size], name)
		if err != nil {
			return err
		}
		ef.tables = append(ef.tables, table{name, ef.File.NewRelocations(data, addends), plt})
		if !addends && !ef.kernel.Machine().TablesWithoutAddends() && tags[size] != 0 {
			return ef.Unusable("%s carries no addends, and the %s kernel panics on that", name, ef.File.Arch)
		}
		return nil
	}
	if err := add("DT_REL", elf.DT_REL, elf.DT_RELSZ, false, false); err != nil {
		return err
	}
	if err := add("DT_RELA", elf.DT_RELA, elf.DT_RELASZ, true, false); err != nil {
		return err
	}
	plt := elf.DT_REL
	if t, ok := tags[elf.DT_PLTREL]; ok {
		plt = elf.DynTag(t)
		if plt != elf.DT_REL && plt != elf.DT_RELA {
			return ef.Unusable("DT_PLTREL is %d, neither DT_REL nor DT_RELA", t)
		}
	}
	return add("DT_JMPREL", elf.DT_JMPREL, elf.DT_PLTRELSZ, plt == elf.DT_RELA, true)
}

// parseSets is parse_dpcpu and parse_vnet.
func (ef *file) parseSets() error {
	for _, name := range loader.SetNames {
		start, stop, ok, err := ef.lookupSet(name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := ef.parseSet(name, start, stop); err != nil {
			return err
		}
	}
	return nil
}

func (ef *file) parseSet(name string, start, stop uint64) error {
	p := ef.kernel.Profile
	s := &loader.Set{Name: name, Module: ef.Module, Start: start, Stop: stop, Section: ef.File.Section(name)}
	if stop < start {
		// The kernel computes with a negative size; nothing good comes of it,
		// and the rules say so. The dry run goes on as if the set were empty.
		s.Stop = start
	}
	size := s.Size()
	offset := start - ef.Address
	if size > loader.SetLimit {
		return ef.Unusable("%s is %d bytes long, and the kernel's space for it holds %d", name, size, ef.kernel.Space(name).Size)
	}
	data, err := ef.at(offset, size, name)
	if err != nil {
		return err
	}
	ef.kernel.Number(s)
	ef.Sets = append(ef.Sets, s)
	if p.WholePointers {
		size -= size % ef.File.Arch.PointerSize()
	} else if size == 0 {
		return nil
	}
	if p.Sentinel && ef.File.Arch.Sentinel {
		if HasSentinel(ef.order, data) {
			if size == 4 {
				return nil // only padding: nothing to do
			}
		} else {
			ef.Problem(loader.Problem{Rule: loader.RuleMissingSentinel, Refuses: true, Set: name,
				Detail: fmt.Sprintf("%s does not end in the word 0x90909090, and FreeBSD %s says ENOEXEC", name, p.Name())})
		}
	}
	ef.kernel.Allocate(ef.Module, s, size)
	s.Template = append([]byte(nil), data[:size]...)
	ef.kernel.AddSet(s)
	return nil
}

// HasSentinel says whether a set's bytes end in the padding word that kernels
// from FreeBSD 13 on look for (LS_PADDING in sys/kern/link_elf.c).
func HasSentinel(order interface{ Uint32([]byte) uint32 }, set []byte) bool {
	return len(set) >= 4 && order.Uint32(set[len(set)-4:]) == 0x90909090
}

// relocLocal is link_elf_reloc_local. It walks DT_REL and DT_RELA, and the
// kernel does not look at what comes of it.
func (ef *file) relocLocal() error {
	for _, t := range ef.tables {
		if t.plt {
			continue
		}
		if err := ef.apply(t, reloc.Local, false); err != nil {
			return err
		}
	}
	return nil
}

// relocateFile is relocate_file: everything, and then what calls resolvers.
func (ef *file) relocateFile() error {
	for _, ifuncs := range []bool{false, true} {
		pass := reloc.Global
		if ifuncs {
			pass = reloc.Ifunc
		}
		for _, t := range ef.tables {
			if err := ef.apply(t, pass, ifuncs); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply applies one table in one pass (APPLY_RELOCS of relocate_file1).
func (ef *file) apply(t table, pass reloc.Pass, ifuncs bool) error {
	m := ef.kernel.Machine()
	op := reloc.Op{B: ef.Address, Flags: ef.File.Flags, Profile: ef.kernel.Profile, Addends: t.Addends, Resolver: ef}
	if pass == reloc.Local {
		ef.Trace = slices.Grow(ef.Trace, t.Len)
	}
	for i := range t.Len {
		r := t.At(i)
		if pass != reloc.Local && ef.isIfunc(m, r) != ifuncs {
			continue
		}
		if r.Offset >= uint64(len(ef.mem)) {
			return ef.Unusable("relocation %d of %s has its place at %#x, outside the module's %d bytes", i, t.name, r.Offset, len(ef.mem))
		}
		op.Type, op.Symbol, op.A, op.P, op.Pass = r.Type, r.Symbol, uint64(r.Addend), ef.Address+r.Offset, pass
		op.Memory = ef.mem[r.Offset:]
		m.Apply(&op)
		switch op.Status {
		case reloc.Skipped:
			continue
		case reloc.Outside:
			return ef.Unusable("relocation %d of %s (%s) at %#x leaves the module's %d bytes", i, t.name, m.Name(r.Type), r.Offset, len(ef.mem))
		}
		if pass == reloc.Local && op.Status != reloc.Applied {
			continue // the second pass meets it again, and that one counts
		}
		ef.Trace = append(ef.Trace, op.Record)
	}
	return nil
}

func (ef *file) isIfunc(m *reloc.Machine, r object.Relocation) bool {
	if m.Irelative != 0 && r.Type == m.Irelative {
		return true
	}
	return r.Symbol != 0 && elf.ST_TYPE(ef.symbols.InfoOf(r.Symbol)) == elf.STT_GNU_IFUNC
}

// sectionAddr is where a section was loaded.
func (ef *file) sectionAddr(index uint32) (uint64, bool) {
	s := ef.File.SectionAt(index)
	if s == nil || !s.Alloc() {
		return 0, false
	}
	return ef.Address + s.Addr, true
}

// linkerSet is link_elf_lookup_set as the kernel calls it once the file is
// loaded.
func (ef *file) linkerSet(name string) (start, stop uint64, ok bool) {
	start, stop, ok, err := ef.lookupSet(name)
	return start, stop, ok && err == nil
}
