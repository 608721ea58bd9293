package ldscripts

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// guard is a section of zeros that lies beside a set.
type guard struct {
	name     string
	size     uint64
	writable bool
}

// guardAlign is the alignment of guards; their widths are multiples of it.
const guardAlign = 4

// GuardObject makes the relocatable object that holds the guards' sections, nil
// when there are none. It is written here, byte for byte, so that a module can
// be padded without a compiler or an assembler.
//
// It holds no code and no symbols: only the guards, PROGBITS since what has no
// contents would be put behind everything else, and a .note.GNU-stack, without
// which GNU ld takes the stack of all objects for an executable one.
func (p Padding) GuardObject(a *arch.Arch) []byte {
	if !p.Guarded() {
		return nil
	}
	names := []byte{0}
	name := func(s string) uint32 {
		at := len(names)
		names = append(append(names, s...), 0)
		return uint32(at)
	}
	sections := []elf.Section64{{}}
	var data bytes.Buffer
	offset := uint64(headerSize(a))
	add := func(s elf.Section64, contents []byte) {
		s.Off, s.Size = offset+uint64(data.Len()), uint64(len(contents))
		data.Write(contents)
		sections = append(sections, s)
	}
	for _, g := range p.guards() {
		flags := elf.SHF_ALLOC
		if g.writable {
			flags |= elf.SHF_WRITE
		}
		add(elf.Section64{Name: name(g.name), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(flags), Addralign: guardAlign}, make([]byte, g.size))
	}
	add(elf.Section64{Name: name(".note.GNU-stack"), Type: uint32(elf.SHT_PROGBITS), Addralign: 1}, nil)
	strings := elf.Section64{Name: name(".shstrtab"), Type: uint32(elf.SHT_STRTAB), Addralign: 1}
	add(strings, names)
	data.Write(make([]byte, -data.Len()&7)) // the table of sections is aligned

	var out bytes.Buffer
	write := func(v any) { _ = binary.Write(&out, a.Order, v) } // to memory, of fixed size: it cannot fail
	write(header(a, p.Flags, offset+uint64(data.Len()), len(sections)))
	out.Write(data.Bytes())
	for _, s := range sections {
		if a.Is64() {
			write(s)
			continue
		}
		write(elf.Section32{Name: s.Name, Type: s.Type, Flags: uint32(s.Flags), Off: uint32(s.Off), Size: uint32(s.Size), Addralign: uint32(s.Addralign)})
	}
	return out.Bytes()
}

// header is the ELF header of an object whose table of sections is at shoff and
// ends with the sections' names.
func header(a *arch.Arch, flags uint32, shoff uint64, sections int) any {
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(a.Class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	if a.Order == binary.BigEndian {
		ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	h := elf.Header64{
		Ident: ident, Type: uint16(elf.ET_REL), Machine: uint16(a.Machine), Version: uint32(elf.EV_CURRENT),
		Flags: flags, Ehsize: uint16(headerSize(a)), Shoff: shoff, Shentsize: 64,
		Shnum: uint16(sections), Shstrndx: uint16(sections - 1),
	}
	if a.Is64() {
		return h
	}
	return elf.Header32{
		Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: h.Version,
		Flags: h.Flags, Ehsize: h.Ehsize, Shoff: uint32(h.Shoff), Shentsize: 40,
		Shnum: h.Shnum, Shstrndx: h.Shstrndx,
	}
}

// headerSize is the size of the ELF header.
func headerSize(a *arch.Arch) int {
	if a.Is64() {
		return 64
	}
	return 52
}
