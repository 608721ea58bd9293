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
	data []byte
}

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
	data, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	return f.NewRelocations(data, s.Type == elf.SHT_RELA), nil
}

// NewRelocations makes a table of bytes found elsewhere than in a section, as
// the kernel finds them through DT_REL, DT_RELA and DT_JMPREL.
func (f *File) NewRelocations(data []byte, addends bool) *Relocations {
	return &Relocations{Len: int(uint64(len(data)) / f.RelocationSize(addends)), Addends: addends, f: f, data: data}
}

// At decodes entry i, which must be less than Len.
func (t *Relocations) At(i int) Relocation {
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
