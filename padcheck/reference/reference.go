// Package reference reads the references of relocatable objects: what the
// compiler asked the linker for, before the linker forgets it.
//
// After the final link a reference to &array + constant is an address like any
// other. In the objects and in the output of link stage 1 it still has a symbol
// and an addend, so only there can one see what it meant.
package reference

import (
	"cmp"
	"debug/elf"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// Reference is one relocation of a relocatable object.
type Reference struct {
	// From is the section that holds the place, at Offset.
	From   *object.Section
	Offset uint64
	Type   uint32
	Form   reloc.Form
	// Symbol is the number of the symbol that the relocation names, Addend the
	// addend from the table or the place.
	Symbol uint32
	Addend int64
	// To is the section that the symbol lies in, nil when the symbol is not of
	// this file. Target is the offset of S + A in it, which may lie outside on
	// either side.
	To     *object.Section
	Target int64
	// Bound says that the symbol is a linker set's __start_ or __stop_ symbol,
	// which the linker defines in stage 2.
	Bound bool
}

// Reader reads the references of one file.
type Reader struct {
	File    *object.File
	Symbols *object.Symbols
	machine *reloc.Machine
	bounds  map[uint32]bound
	// bytes of the sections whose relocations carry no addends, by index: a
	// section may have several tables.
	bytes map[uint32][]byte
}

// bound is what an undefined __start_NAME or __stop_NAME will be.
type bound struct {
	section *object.Section
	stop    bool
}

// NewReader prepares to read the references of a relocatable object.
func NewReader(f *object.File) (*Reader, error) {
	if f.Type != elf.ET_REL {
		return nil, &object.FormatError{Path: f.Path, What: "not a relocatable object: references can be read from .o files and from the output of ld -r only"}
	}
	symbols, err := f.Symbols(elf.SHT_SYMTAB)
	if err != nil {
		return nil, err
	}
	r := &Reader{File: f, Symbols: symbols, machine: reloc.For(f.Arch), bounds: map[uint32]bound{}, bytes: map[uint32][]byte{}}
	for i := range uint32(symbols.Len) {
		sym := symbols.At(i)
		if sym.Defined() || sym.Bind() == elf.STB_LOCAL {
			continue
		}
		name := symbols.Name(sym)
		if set, ok := strings.CutPrefix(name, "__start_"); ok {
			r.bound(i, set, false)
		} else if set, ok := strings.CutPrefix(name, "__stop_"); ok {
			r.bound(i, set, true)
		}
	}
	return r, nil
}

func (r *Reader) bound(symbol uint32, set string, stop bool) {
	if s := r.File.Section(set); s != nil {
		r.bounds[symbol] = bound{s, stop}
	}
}

// Each calls fn for each reference from a section that is part of the loaded
// image; those of debug information are left out. The reference is valid until
// fn returns. Relocations that refer to nothing (see [reloc.None]) are skipped.
func (r *Reader) Each(fn func(*Reference) error) error {
	for i := range r.File.Sections {
		s := &r.File.Sections[i]
		if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA {
			continue
		}
		from := r.File.SectionAt(s.Info)
		if from == nil {
			return &object.FormatError{Path: r.File.Path, What: "relocation section " + s.Name + " relocates no section"}
		}
		if !from.Alloc() {
			continue
		}
		if err := r.eachOf(s, from, fn); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) eachOf(table, from *object.Section, fn func(*Reference) error) error {
	relocs, err := r.File.Relocations(table)
	if err != nil {
		return err
	}
	var data []byte
	if !relocs.Addends {
		if data, err = r.data(from); err != nil {
			return err
		}
	}
	ref := Reference{From: from}
	for i := range relocs.Len {
		rel := relocs.At(i)
		form := r.machine.Form(rel.Type)
		if form == reloc.None {
			continue
		}
		ref.Offset, ref.Type, ref.Form, ref.Symbol, ref.Addend = rel.Offset, rel.Type, form, rel.Symbol, rel.Addend
		if !relocs.Addends {
			ref.Addend = 0
			if rel.Offset < uint64(len(data)) {
				ref.Addend, _ = r.machine.InPlace(rel.Type, data[rel.Offset:])
			}
		}
		r.aim(&ref)
		if err := fn(&ref); err != nil {
			return err
		}
	}
	return relocs.Err()
}

// data reads a section once.
func (r *Reader) data(s *object.Section) ([]byte, error) {
	data, ok := r.bytes[s.Index]
	if !ok {
		var err error
		if data, err = r.File.Data(s); err != nil {
			return nil, err
		}
		r.bytes[s.Index] = data
	}
	return data, nil
}

// aim finds out what the reference points to.
func (r *Reader) aim(ref *Reference) {
	ref.To, ref.Target, ref.Bound = nil, 0, false
	if b, ok := r.bounds[ref.Symbol]; ok {
		ref.To, ref.Target, ref.Bound = b.section, ref.Addend, true
		if b.stop {
			ref.Target += int64(b.section.Size)
		}
		return
	}
	sym := r.Symbols.At(ref.Symbol)
	if to := r.File.SectionAt(sym.Section); sym.Defined() && to != nil {
		ref.To, ref.Target = to, int64(sym.Value)+ref.Addend
	}
}

// Variable is a name for an address of a section, as people write it: the
// variable that an offset belongs to, and how far into it or past it the offset
// lies.
type Variable struct {
	Name   string
	Offset int64
}

// Names finds variables by offset in one section.
type Names struct {
	section string
	vars    []named
}

type named struct {
	name        string
	start, stop int64
}

// Names reads the names of the variables in a section.
func (r *Reader) Names(s *object.Section) *Names {
	n := &Names{section: s.Name}
	for i := range uint32(r.Symbols.Len) {
		sym := r.Symbols.At(i)
		if sym.Section != s.Index || sym.Type() == elf.STT_SECTION || sym.Type() == elf.STT_FILE {
			continue
		}
		if name := r.Symbols.Name(sym); name != "" && !strings.HasPrefix(name, "__start_") && !strings.HasPrefix(name, "__stop_") && !strings.HasPrefix(name, "$") && !strings.HasPrefix(name, ".L") {
			n.vars = append(n.vars, named{name, int64(sym.Value), int64(sym.Value + sym.Size)})
		}
	}
	slices.SortStableFunc(n.vars, func(a, b named) int { return cmp.Compare(a.start, b.start) })
	return n
}

// At names an offset: the variable that holds it; else the one that ends there
// or last before; else the first one behind.
func (n *Names) At(offset int64) Variable {
	if len(n.vars) == 0 {
		return Variable{n.section, offset}
	}
	behind, _ := slices.BinarySearchFunc(n.vars, offset+1, func(v named, offset int64) int {
		if v.start < offset {
			return -1
		}
		return 1
	})
	if behind == 0 {
		return Variable{n.vars[0].name, offset - n.vars[0].start}
	}
	// Variables seldom lie in one another; of those that start last, the one
	// that holds the offset counts.
	const few = 16
	for i := behind - 1; i >= max(0, behind-few); i-- {
		if v := &n.vars[i]; offset < v.stop {
			return Variable{v.name, offset - v.start}
		}
	}
	last := behind - 1
	for last > 0 && n.vars[last-1].start == n.vars[last].start {
		last--
	}
	return Variable{n.vars[last].name, offset - n.vars[last].start}
}

// Extent is the range of offsets that variables of known size cover; false when
// there is none.
func (n *Names) Extent() (start, stop int64, ok bool) {
	for _, v := range n.vars {
		if v.stop == v.start {
			continue
		}
		if !ok || v.start < start {
			start = v.start
		}
		if !ok || v.stop > stop {
			stop = v.stop
		}
		ok = true
	}
	return start, stop, ok
}
