package object

import "debug/elf"

// Symbol is one entry of a symbol table.
type Symbol struct {
	name  uint32
	Info  uint8
	Other uint8
	// Section is st_shndx, widened where the file has SHT_SYMTAB_SHNDX.
	Section uint32
	Value   uint64
	Size    uint64
}

// Bind is the symbol's binding (ELF_ST_BIND).
func (s Symbol) Bind() elf.SymBind { return elf.ST_BIND(s.Info) }

// Type is the symbol's type (ELF_ST_TYPE).
func (s Symbol) Type() elf.SymType { return elf.ST_TYPE(s.Info) }

// Defined says whether the symbol names something in this file.
func (s Symbol) Defined() bool { return s.Section != uint32(elf.SHN_UNDEF) }

// Symbols is a symbol table, decoded entry by entry.
type Symbols struct {
	// Len is the number of entries, the null symbol included.
	Len int

	f    *File
	data []byte
	strs string
	// shndx holds the section indexes that do not fit in 16 bits.
	shndx []byte
}

// SymbolSize is the size of a symbol table entry in bytes.
func (f *File) SymbolSize() uint64 {
	if f.is64 {
		return 24
	}
	return 16
}

// Symbols reads the first symbol table of type SHT_SYMTAB or SHT_DYNSYM; it is
// empty when the file has none.
func (f *File) Symbols(typ elf.SectionType) (*Symbols, error) {
	for i := range f.Sections {
		if f.Sections[i].Type == typ {
			return f.SymbolsOf(&f.Sections[i])
		}
	}
	return &Symbols{f: f}, nil
}

// SymbolsOf reads the symbol table in section s.
func (f *File) SymbolsOf(s *Section) (*Symbols, error) {
	if s.Type != elf.SHT_SYMTAB && s.Type != elf.SHT_DYNSYM {
		return nil, f.errorf("section %d is used as a symbol table but is of type %v", s.Index, s.Type)
	}
	data, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	strs, err := f.stringTable(s.Link, "the names of the symbols in section "+s.Name)
	if err != nil {
		return nil, err
	}
	t := f.NewSymbols(data, strs)
	for i := range f.Sections {
		if x := &f.Sections[i]; x.Type == elf.SHT_SYMTAB_SHNDX && x.Link == s.Index {
			if t.shndx, err = f.Data(x); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// NewSymbols makes a symbol table of bytes found elsewhere than in a section,
// as the kernel finds them through DT_SYMTAB.
func (f *File) NewSymbols(data []byte, strs string) *Symbols {
	return &Symbols{Len: int(uint64(len(data)) / f.SymbolSize()), f: f, data: data, strs: strs}
}

// At decodes entry i; out of range it is the null symbol.
func (t *Symbols) At(i uint32) Symbol {
	if uint64(i) >= uint64(t.Len) {
		return Symbol{}
	}
	order := t.f.order
	var s Symbol
	if t.f.is64 {
		b := t.data[uint64(i)*24:][:24]
		s = Symbol{order.Uint32(b), b[4], b[5], uint32(order.Uint16(b[6:])), order.Uint64(b[8:]), order.Uint64(b[16:])}
	} else {
		b := t.data[uint64(i)*16:][:16]
		s = Symbol{order.Uint32(b), b[12], b[13], uint32(order.Uint16(b[14:])), uint64(order.Uint32(b[4:])), uint64(order.Uint32(b[8:]))}
	}
	if s.Section == uint32(elf.SHN_XINDEX) && uint64(len(t.shndx)) >= uint64(i)*4+4 {
		s.Section = order.Uint32(t.shndx[uint64(i)*4:])
	}
	return s
}

// InfoOf is the st_info of entry i, which tells its binding and type, without
// decoding the rest; out of range it is zero.
func (t *Symbols) InfoOf(i uint32) uint8 {
	switch {
	case uint64(i) >= uint64(t.Len):
		return 0
	case t.f.is64:
		return t.data[uint64(i)*24+4]
	default:
		return t.data[uint64(i)*16+12]
	}
}

// SectionOf is the Section of entry i, without decoding the rest; out of range
// it is SHN_UNDEF.
func (t *Symbols) SectionOf(i uint32) uint32 {
	if uint64(i) >= uint64(t.Len) {
		return uint32(elf.SHN_UNDEF)
	}
	at := uint64(i)*16 + 14
	if t.f.is64 {
		at = uint64(i)*24 + 6
	}
	if s := uint32(t.f.order.Uint16(t.data[at:])); s != uint32(elf.SHN_XINDEX) {
		return s
	}
	return t.At(i).Section
}

// Name returns a symbol's name; it is empty when the name lies outside the
// string table.
func (t *Symbols) Name(s Symbol) string {
	name, _ := cString(t.strs, s.name)
	return name
}

// Named says whether a symbol has a name, without looking for the name's end.
func (t *Symbols) Named(s Symbol, name string) bool {
	from := uint64(s.name)
	to := from + uint64(len(name))
	return to < uint64(len(t.strs)) && t.strs[to] == 0 && t.strs[from:to] == name
}

// NameOf returns the name of entry i. A section symbol, which has none, is
// named after its section.
func (t *Symbols) NameOf(i uint32) string {
	s := t.At(i)
	name := t.Name(s)
	if name == "" && s.Type() == elf.STT_SECTION {
		if sec := t.f.SectionAt(s.Section); sec != nil {
			return sec.Name
		}
	}
	return name
}
