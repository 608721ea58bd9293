package main

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// victim is an ELF file whose fields a test overwrites. It knows no more of the
// format than where the fields are, so that nothing keeps a test from writing
// nonsense.
type victim struct {
	t     *testing.T
	data  []byte
	is64  bool
	order binary.ByteOrder
}

// witness reads a sample module that FreeBSD's own code has relocated.
func witness(t *testing.T, arch string) *victim {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "witness", arch, "mix.ko"))
	require.NoError(t, err)
	v := &victim{t: t, data: data, is64: data[elf.EI_CLASS] == byte(elf.ELFCLASS64), order: binary.LittleEndian}
	if data[elf.EI_DATA] == byte(elf.ELFDATA2MSB) {
		v.order = binary.BigEndian
	}
	return v
}

// pick returns the first value for a 32 bit file and the second for a 64 bit one.
func (v *victim) pick(v32, v64 uint64) uint64 {
	if v.is64 {
		return v64
	}
	return v32
}

func (v *victim) get(off uint64, size uint64) uint64 {
	switch size {
	case 2:
		return uint64(v.order.Uint16(v.data[off:]))
	case 4:
		return uint64(v.order.Uint32(v.data[off:]))
	}
	return v.order.Uint64(v.data[off:])
}

func (v *victim) put(off, size, value uint64) {
	switch size {
	case 2:
		v.order.PutUint16(v.data[off:], uint16(value))
	case 4:
		v.order.PutUint32(v.data[off:], uint32(value))
	default:
		v.order.PutUint64(v.data[off:], value)
	}
}

// field is where a field is, and how wide.
type field struct{ off, size uint64 }

func (v *victim) set(f field, value uint64) { v.put(f.off, f.size, value) }
func (v *victim) is(f field) uint64         { return v.get(f.off, f.size) }

// addr is a field as wide as an address.
func (v *victim) addr(off uint64) field { return field{off, v.pick(4, 8)} }

// header is a field of the ELF header.
func (v *victim) header(name string) field {
	switch name {
	case "e_type":
		return field{16, 2}
	case "e_machine":
		return field{18, 2}
	case "e_version":
		return field{20, 4}
	case "e_phoff":
		return v.addr(v.pick(28, 32))
	case "e_shoff":
		return v.addr(v.pick(32, 40))
	}
	for i, n := range []string{"e_ehsize", "e_phentsize", "e_phnum", "e_shentsize", "e_shnum", "e_shstrndx"} {
		if n == name {
			return field{v.pick(40, 52) + 2*uint64(i), 2}
		}
	}
	v.t.Fatalf("no field %s", name)
	return field{}
}

// section is a field of a section header, by the section's name.
func (v *victim) section(section, name string) field {
	v.t.Helper()
	return v.sectionField(v.sectionIndex(section), name)
}

func (v *victim) sectionIndex(section string) uint64 {
	v.t.Helper()
	names := v.is(v.sectionField(v.is(v.header("e_shstrndx")), "sh_offset"))
	for i := range v.is(v.header("e_shnum")) {
		at := names + v.is(v.sectionField(i, "sh_name"))
		if string(v.data[at:at+uint64(len(section))+1]) == section+"\x00" {
			return i
		}
	}
	v.t.Fatalf("no section %s", section)
	return 0
}

func (v *victim) sectionField(index uint64, name string) field {
	v.t.Helper()
	base := v.is(v.header("e_shoff")) + index*v.pick(40, 64)
	word := v.pick(4, 8)
	off := base
	for _, f := range []struct {
		name string
		size uint64
	}{{"sh_name", 4}, {"sh_type", 4}, {"sh_flags", word}, {"sh_addr", word}, {"sh_offset", word}, {"sh_size", word},
		{"sh_link", 4}, {"sh_info", 4}, {"sh_addralign", word}, {"sh_entsize", word}} {
		if f.name == name {
			return field{off, f.size}
		}
		off += f.size
	}
	v.t.Fatalf("no field %s", name)
	return field{}
}

// segment is a field of the nth program header of a type.
func (v *victim) segment(typ elf.ProgType, n int, name string) field {
	v.t.Helper()
	at := v.is(v.header("e_phoff"))
	for range v.is(v.header("e_phnum")) {
		if elf.ProgType(v.get(at, 4)) == typ {
			if n == 0 {
				break
			}
			n--
		}
		at += v.pick(32, 56)
	}
	type place struct {
		name     string
		v32, v64 uint64
	}
	for _, p := range []place{{"p_offset", 4, 8}, {"p_vaddr", 8, 16}, {"p_filesz", 16, 32}, {"p_memsz", 20, 40}} {
		if p.name == name {
			return v.addr(at + v.pick(p.v32, p.v64))
		}
	}
	if name == "p_type" {
		return field{at, 4}
	}
	v.t.Fatalf("no field %s", name)
	return field{}
}

// dynamic is the value of an entry of the dynamic section, and tag its tag.
func (v *victim) dynamic(tag elf.DynTag) (value, tagField field) {
	v.t.Helper()
	word := v.pick(4, 8)
	for at := v.is(v.section(".dynamic", "sh_offset")); ; at += 2 * word {
		if elf.DynTag(v.get(at, word)) == tag {
			return v.addr(at + word), v.addr(at)
		}
		require.NotZero(v.t, v.get(at, word), "no entry %v", tag)
	}
}

// symbol is a field of a dynamic symbol.
func (v *victim) symbol(table, symbol, name string) field {
	v.t.Helper()
	at := v.is(v.section(table, "sh_offset"))
	end := at + v.is(v.section(table, "sh_size"))
	strs := v.is(v.sectionField(v.is(v.section(table, "sh_link")), "sh_offset"))
	for ; at < end; at += v.pick(16, 24) {
		text := strs + v.get(at, 4)
		if string(v.data[text:text+uint64(len(symbol))+1]) != symbol+"\x00" {
			continue
		}
		switch name {
		case "st_name":
			return field{at, 4}
		case "st_value":
			return v.addr(at + v.pick(4, 8))
		case "st_shndx":
			return field{at + v.pick(14, 6), 2}
		}
	}
	v.t.Fatalf("no symbol %s, or no field %s", symbol, name)
	return field{}
}

// relocation is a field of entry n of a relocation section.
func (v *victim) relocation(section string, n uint64, name string) field {
	v.t.Helper()
	size := v.pick(8, 16)
	if elf.SectionType(v.is(v.section(section, "sh_type"))) == elf.SHT_RELA {
		size = v.pick(12, 24)
	}
	at := v.is(v.section(section, "sh_offset")) + n*size
	if name == "r_offset" {
		return v.addr(at)
	}
	return v.addr(at + v.pick(4, 8)) // r_info
}

// hash is a word of the hash table: 0 and 1 are the counts.
func (v *victim) hash(n uint64) field {
	v.t.Helper()
	return field{v.is(v.section(".hash", "sh_offset")) + 4*n, 4}
}

// write puts the file into a folder.
func (v *victim) write(path string) {
	v.t.Helper()
	require.NoError(v.t, os.WriteFile(path, v.data, 0o600))
}
