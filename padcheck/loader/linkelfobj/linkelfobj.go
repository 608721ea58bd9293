// Package linkelfobj is a dry run of sys/kern/link_elf_obj.c, the kernel linker
// for relocatable objects, which amd64 modules are. Its functions carry the
// names of the kernel's and follow one another in the kernel's order.
//
// Sections are placed one by one, and the sections of the sets go straight into
// the instance space. Relocations go by symbol, so a reference one past the end
// of a set is as right as any other.
package linkelfobj

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// Loader loads relocatable objects.
type Loader struct{}

// Name is the kernel's name for its linker of relocatable objects.
func (Loader) Name() string { return "link_elf_obj" }

// Accepts says whether a file is a relocatable object.
func (Loader) Accepts(f *object.File) bool { return f.Type == elf.ET_REL }

// mapLimit bounds the memory that a module may ask for, in bytes.
const mapLimit = 256 << 20

// shtX8664Unwind is SHT_X86_64_UNWIND, which debug/elf does not name.
const shtX8664Unwind = elf.SectionType(0x70000001)

// file is struct elf_file.
type file struct {
	*loader.Module
	kernel *loader.Kernel
	// placed holds the address and memory of each section, by index; the
	// memory is nil where the kernel does not load the section.
	placed  []placed
	tables  []table
	symbols *object.Symbols
	// values are the symbols' addresses once their sections are placed
	// (ddbsymtab after "Update all symbol values with the offset").
	values  []value
	byName  map[string]uint32
	metaSet *object.Section
}

type placed struct {
	addr uint64
	mem  []byte
	set  int32
}

type value struct {
	addr    uint64
	defined bool
	assumed bool
	cached  bool // SHN_FBSD_CACHED: found elsewhere
	missing bool
	set     int32
}

type table struct {
	*object.Relocations
	section *object.Section // whose places the table relocates
}

// Load is link_elf_load_file.
func (l Loader) Load(k *loader.Kernel, f *object.File) (*loader.Module, error) {
	ef := &file{Module: k.NewModule(l, f), kernel: k}
	if err := ef.readSymbols(); err != nil {
		return nil, err
	}
	if err := ef.placeSections(); err != nil {
		return nil, err
	}
	ef.fixLinkSet()
	if err := ef.relocLocal(); err != nil {
		return nil, err
	}
	if s := ef.metaSet; s != nil {
		at := ef.placed[s.Index].addr
		ef.ReadMetadata(at, at+s.Size)
	}
	k.LoadDependencies(ef.Module)
	if err := ef.relocateFile(); err != nil {
		return nil, err
	}
	ef.propagate()
	ef.Find, ef.SectionAddr, ef.LinkerSet = ef.find, ef.sectionAddr, ef.linkerSet
	k.Loaded(ef.Module)
	return ef.Module, nil
}

// loads says whether the kernel loads a section (the switch over sh_type).
func (ef *file) loads(s *object.Section) bool {
	if !s.Alloc() || s.Size == 0 {
		return false
	}
	switch s.Type {
	case elf.SHT_PROGBITS, elf.SHT_NOBITS:
		return true
	case shtX8664Unwind:
		return ef.File.Arch.Machine == elf.EM_X86_64
	case elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY:
		return ef.kernel.Profile.InitArrays
	}
	return false
}

func (ef *file) readSymbols() error {
	var table *object.Section
	tables := 0
	for i := range ef.File.Sections {
		if s := &ef.File.Sections[i]; s.Type == elf.SHT_SYMTAB && s.Size != 0 {
			tables++
			table = s
		}
	}
	if tables != 1 {
		return ef.Unusable("%d symbol tables (the kernel says: file must have exactly one symbol table)", tables)
	}
	var err error
	ef.symbols, err = ef.File.SymbolsOf(table)
	ef.Symbols = ef.symbols
	return err
}

// placeSections sizes up the sections, maps them, and puts the sets into their
// spaces.
func (ef *file) placeSections() error {
	var size, sets uint64
	count := 0
	for i := range ef.File.Sections {
		s := &ef.File.Sections[i]
		if !ef.loads(s) {
			continue
		}
		count++
		if s.Addralign == 0 {
			return ef.Unusable("section %s has alignment 0, of which the kernel makes the offset 0", s.Name)
		}
		size = align(size, s.Addralign) + s.Size
		if s.Size > mapLimit || s.Addralign > mapLimit || size > mapLimit {
			return ef.Unusable("it asks for more than %d MiB of memory", mapLimit>>20)
		}
		if ef.kernel.Space(s.Name) != nil {
			if sets += s.Size; sets > loader.SetLimit {
				return ef.Unusable("its sets up to %s are %d bytes long, and the kernel's space for it holds %d", s.Name, sets, ef.kernel.Space(s.Name).Size)
			}
		}
	}
	if count == 0 {
		return ef.Unusable("no section to load (the kernel says: file has no contents)")
	}
	page := ef.File.Arch.PageSize
	mem, err := ef.kernel.Map(ef.Module, align(size, page))
	if err != nil {
		return err
	}
	ef.placed = make([]placed, len(ef.File.Sections))
	var off uint64
	for i := range ef.File.Sections {
		s := &ef.File.Sections[i]
		ef.placed[i].set = reloc.NoSet
		switch {
		case ef.loads(s):
			off = align(off, s.Addralign)
			if err := ef.place(s, off, mem); err != nil {
				return err
			}
			off += s.Size
		case s.Type == elf.SHT_REL || s.Type == elf.SHT_RELA:
			to := ef.File.SectionAt(s.Info)
			if to == nil {
				return ef.Unusable("relocation section %d relocates section %d of %d", i, s.Info, len(ef.File.Sections))
			}
			if !to.Alloc() || s.Size == 0 {
				continue
			}
			t, err := ef.File.Relocations(s)
			if err != nil {
				return err
			}
			ef.tables = append(ef.tables, table{t, to})
		}
	}
	return ef.updateSymbols()
}

func (ef *file) place(s *object.Section, off uint64, mem []byte) error {
	data, err := ef.File.Data(s)
	if err != nil {
		return err
	}
	p := &ef.placed[s.Index]
	p.addr, p.mem = ef.Address+off, mem[off:off+s.Size:off+s.Size]
	if s.Name == loader.SetPcpu || s.Name == loader.SetVnet {
		set := &loader.Set{Name: s.Name, Module: ef.Module, Section: s}
		ef.kernel.Number(set)
		ef.kernel.Allocate(ef.Module, set, s.Size)
		set.Start, set.Stop = set.Base, set.Base+s.Size
		ef.Sets = append(ef.Sets, set)
		p.addr, p.mem, p.set = set.Base, make([]byte, s.Size), set.Number
		ef.Memory = append(ef.Memory, loader.Region{Addr: set.Base, Data: p.mem})
	}
	copy(p.mem, data)
	if set := ef.kernel.SetByNumber(p.set); set != nil && !ef.kernel.Profile.PropagateLate {
		// vnet_data_copy and dpcpu_copy: before anything is relocated.
		set.Template = append([]byte(nil), p.mem...)
	}
	if s.Name == "set_modmetadata_set" {
		ef.metaSet = s
	}
	return nil
}

// align is the kernel's way to align an offset to sh_addralign, a power of two.
func align(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// updateSymbols gives the defined symbols their addresses. Those in sections
// that are not loaded keep their values, as does a common symbol, whose value
// is an alignment.
func (ef *file) updateSymbols() error {
	ef.values = make([]value, ef.symbols.Len)
	for i := range ef.values {
		sym := ef.symbols.At(uint32(i))
		v := &ef.values[i]
		v.addr, v.defined, v.set = sym.Value, sym.Defined(), reloc.NoSet
		if sym.Section < uint32(len(ef.placed)) {
			if p := &ef.placed[sym.Section]; p.mem != nil {
				v.addr, v.set = sym.Value+p.addr, p.set
			}
		}
		if sym.Section == uint32(elf.SHN_COMMON) {
			ef.Problem(loader.Problem{Rule: loader.RuleCommonSymbol,
				Detail: fmt.Sprintf("%s is a common symbol, for which the kernel reserves no memory; its alignment, %d, is taken for its address", ef.symbols.Name(sym), sym.Value)})
		}
	}
	return nil
}

// fixLinkSet is link_elf_fix_link_set: undefined __start_ and __stop_ symbols
// are the bounds of the sections they name.
func (ef *file) fixLinkSet() {
	for i := 1; i < ef.symbols.Len; i++ {
		sym := ef.symbols.At(uint32(i))
		if sym.Defined() {
			continue
		}
		name := ef.symbols.Name(sym)
		set, stop := strings.CutPrefix(name, "__stop_")
		if !stop {
			var start bool
			if set, start = strings.CutPrefix(name, "__start_"); !start {
				continue
			}
		}
		s := ef.File.Section(set)
		if s == nil || ef.placed[s.Index].mem == nil {
			continue
		}
		v := &ef.values[i]
		v.defined, v.addr, v.set = true, ef.placed[s.Index].addr, ef.placed[s.Index].set
		if stop {
			v.addr += s.Size
		}
	}
}

// relocLocal is link_elf_reloc_local: relocations against local symbols.
func (ef *file) relocLocal() error { return ef.relocate(reloc.Local) }

// relocateFile is relocate_file: the others, and then what calls resolvers.
func (ef *file) relocateFile() error {
	if err := ef.relocate(reloc.Global); err != nil {
		return err
	}
	return ef.relocate(reloc.Ifunc)
}

// relocate walks the tables without addends and then those with, as the kernel
// does.
func (ef *file) relocate(pass reloc.Pass) error {
	for _, addends := range []bool{false, true} {
		for _, t := range ef.tables {
			if t.Addends != addends {
				continue
			}
			if err := ef.relocateTable(t, pass); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ef *file) relocateTable(t table, pass reloc.Pass) error {
	p := &ef.placed[t.section.Index]
	if p.mem == nil {
		if pass == reloc.Local {
			ef.Problem(loader.Problem{Rule: loader.RuleUnloadedSection, Refuses: true,
				Detail: fmt.Sprintf("section %s of type %v has relocations, but the kernel does not load it (it says: lost base for reltab)", t.section.Name, t.section.Type)})
		}
		return nil
	}
	m := ef.kernel.Machine()
	if !t.Addends && !m.TablesWithoutAddends() {
		return ef.Unusable("section %s is relocated without addends, and the %s kernel panics on that", t.section.Name, ef.File.Arch)
	}
	if pass == reloc.Local {
		ef.Trace = slices.Grow(ef.Trace, t.Len)
	}
	op := reloc.Op{B: p.addr, Flags: ef.File.Flags, Profile: ef.kernel.Profile, Addends: t.Addends, Resolver: ef}
	for i := range t.Len {
		r := t.At(i)
		if r.Symbol >= uint32(ef.symbols.Len) {
			continue // the kernel passes over it in silence
		}
		info := ef.symbols.InfoOf(r.Symbol)
		ifunc := elf.ST_TYPE(info) == elf.STT_GNU_IFUNC || m.Irelative != 0 && r.Type == m.Irelative
		own := reloc.Global
		if elf.ST_BIND(info) == elf.STB_LOCAL {
			own = reloc.Local
		}
		if ifunc {
			own = reloc.Ifunc
		}
		if own != pass {
			continue
		}
		if r.Offset >= uint64(len(p.mem)) {
			return ef.Unusable("relocation %d of section %s has its place at %#x, outside the section's %d bytes", i, t.section.Name, r.Offset, len(p.mem))
		}
		op.Type, op.Symbol, op.A, op.P, op.Pass = r.Type, r.Symbol, uint64(r.Addend), p.addr+r.Offset, pass
		op.Memory = p.mem[r.Offset:]
		m.Apply(&op)
		switch op.Status {
		case reloc.Skipped:
			continue
		case reloc.Outside:
			return ef.Unusable("relocation %d of section %s (%s) at %#x leaves the section's %d bytes", i, t.section.Name, m.Name(r.Type), r.Offset, len(p.mem))
		}
		ef.Trace = append(ef.Trace, op.Record)
	}
	return t.Err()
}

// Lookup is elf_obj_lookup.
func (ef *file) Lookup(o *reloc.Op) bool {
	v := &ef.values[o.Symbol] // the number was checked by the caller
	if !v.defined && !v.cached && !v.missing {
		ef.resolve(o.Symbol, v)
	}
	if v.missing {
		return false
	}
	o.S, o.X, o.Set, o.Assumed = v.addr, v.addr, v.set, v.assumed
	return true
}

// resolve looks an undefined symbol up by name, once.
func (ef *file) resolve(n uint32, v *value) {
	sym := ef.symbols.At(n)
	name := ef.symbols.Name(sym)
	if sym.Bind() != elf.STB_GLOBAL && sym.Bind() != elf.STB_WEAK || name == "" {
		v.missing = true
		return
	}
	addr, assumed, ok := ef.lookupGlobal(name)
	if !ok || addr == 0 && !assumed {
		if sym.Bind() != elf.STB_WEAK {
			v.missing = true
			return
		}
		addr = 0
	}
	v.cached, v.addr, v.assumed = true, addr, assumed
	if set := ef.kernel.SetHolding(addr); set != nil && !assumed {
		v.set = set.Number
	}
}

// lookupGlobal is linker_file_lookup_symbol.
func (ef *file) lookupGlobal(name string) (addr uint64, assumed, ok bool) {
	if addr, ok := ef.find(name); ok && addr != 0 {
		return addr, false, true
	}
	return ef.kernel.Lookup(ef.Module, name)
}

// Relocaddr is elf_relocaddr, which has nothing to do for this kind of file.
func (ef *file) Relocaddr(o *reloc.Op, x uint64) uint64 { return x }

// propagate is link_elf_propagate_vnets and its like: the instances get the
// set as it is after relocation.
func (ef *file) propagate() {
	if !ef.kernel.Profile.PropagateLate {
		return
	}
	for _, s := range ef.Sets {
		s.Template = append([]byte(nil), ef.placed[s.Section.Index].mem...)
	}
}

// find is link_elf_lookup_symbol: the first defined symbol of that name, local
// ones included (debug.link_elf_obj_leak_locals, on by default).
func (ef *file) find(name string) (uint64, bool) {
	if ef.byName == nil {
		ef.byName = map[string]uint32{}
		for i := range uint32(ef.symbols.Len) {
			sym := ef.symbols.At(i)
			if n := ef.symbols.Name(sym); n != "" && sym.Defined() {
				if _, known := ef.byName[n]; !known {
					ef.byName[n] = i
				}
			}
		}
	}
	i, ok := ef.byName[name]
	if !ok {
		return 0, false
	}
	return ef.values[i].addr, true
}

// sectionAddr is findbase.
func (ef *file) sectionAddr(index uint32) (uint64, bool) {
	if index >= uint32(len(ef.placed)) || ef.placed[index].mem == nil {
		return 0, false
	}
	return ef.placed[index].addr, true
}

// linkerSet is link_elf_lookup_set: the section of that name.
func (ef *file) linkerSet(name string) (start, stop uint64, ok bool) {
	s := ef.File.Section(name)
	if s == nil {
		return 0, 0, false
	}
	start, ok = ef.sectionAddr(s.Index)
	return start, start + s.Size, ok
}
