package object

import "debug/elf"

// Relocation is one entry of a relocation table.
type Relocation struct {
	Offset uint64
	Type   uint32
	Symbol uint32
	// Addend is zero in a table without addends, where it stands at the place.
	Addend int64
}

// Relocations is a relocation table, decoded entry by entry.
type Relocations struct {
	// Len is the number of entries.
	Len int
	// Addends says that the entries carry addends (Elf_Rela); otherwise they
	// stand at the places (Elf_Rel).
	Addends bool

	f    *File
	data []byte // entries from first on
	// A table in a file that is read in pieces is itself read in pieces, so
	// that memory does not grow with it.
	first   int
	section *Section
	err     error
}

// window is the number of entries of a table that are in memory at a time.
const window = 4096

// RelocationSize is the size of a relocation entry in bytes.
func (f *File) RelocationSize(addends bool) uint64 {
	switch {
	case f.is64 && addends:
		return 24
	case f.is64:
		return 16
	case addends:
		return 12
	default:
		return 8
	}
}

// Relocations reads the table in a section of type SHT_REL or SHT_RELA.
func (f *File) Relocations(s *Section) (*Relocations, error) {
	if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA {
		return nil, f.errorf("section %d is used as a relocation table but is of type %v", s.Index, s.Type)
	}
	addends := s.Type == elf.SHT_RELA
	n := s.Size / f.RelocationSize(addends)
	if f.data == nil && n > window {
		return &Relocations{Len: int(n), Addends: addends, f: f, section: s}, nil
	}
	data, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	return f.NewRelocations(data, addends), nil
}

// NewRelocations makes a table of bytes found elsewhere than in a section, as
// the kernel finds them through DT_REL, DT_RELA and DT_JMPREL.
func (f *File) NewRelocations(data []byte, addends bool) *Relocations {
	return &Relocations{Len: int(uint64(len(data)) / f.RelocationSize(addends)), Addends: addends, f: f, data: data}
}

// Err is the error that kept At from reading the file; entries it could not
// read are null relocations.
func (t *Relocations) Err() error { return t.err }

// load brings the window with entry i into memory.
func (t *Relocations) load(i int) bool {
	size := t.f.RelocationSize(t.Addends)
	n := min(window, t.Len-i)
	data, err := t.f.bytesAt(t.section.Offset+uint64(i)*size, uint64(n)*size, "a relocation table")
	if err != nil {
		t.err = err
		return false
	}
	t.data, t.first = data, i
	return true
}

// At decodes entry i, which must be less than Len.
func (t *Relocations) At(i int) Relocation {
	if t.section != nil {
		size := int(t.f.RelocationSize(t.Addends))
		if (i < t.first || (i-t.first)*size >= len(t.data)) && !t.load(i) {
			return Relocation{}
		}
		i -= t.first
	}
	order := t.f.order
	var r Relocation
	if t.f.is64 {
		size := 16
		if t.Addends {
			size = 24
		}
		b := t.data[i*size:][:size]
		info := order.Uint64(b[8:])
		r = Relocation{Offset: order.Uint64(b), Type: elf.R_TYPE64(info), Symbol: elf.R_SYM64(info)}
		if t.Addends {
			r.Addend = int64(order.Uint64(b[16:]))
		}
		return r
	}
	size := 8
	if t.Addends {
		size = 12
	}
	b := t.data[i*size:][:size]
	info := order.Uint32(b[4:])
	r = Relocation{Offset: uint64(order.Uint32(b)), Type: elf.R_TYPE32(info), Symbol: elf.R_SYM32(info)}
	if t.Addends {
		r.Addend = int64(int32(order.Uint32(b[8:])))
	}
	return r
}
