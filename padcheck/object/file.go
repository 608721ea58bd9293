// Package object reads ELF files: headers, sections, segments, symbols and
// relocations.
//
// Every file is hostile. Nothing is believed before it is checked against the
// file's size, no count makes the reader allocate more than the file holds, and
// no input makes it panic. Tables are decoded entry by entry where they lie, so
// reading a file costs little more than its bytes.
//
// It exists beside debug/elf because that package is documented as not hardened
// against bad input, and because a verifier of thousands of modules decodes
// only a few of the symbols and relocations it passes over.
package object

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// FormatError says why a file is no ELF file that kmodpad can read.
type FormatError struct {
	Path string
	What string
}

// Error is one line that is safe to print on a terminal, whatever names the
// file holds.
func (e *FormatError) Error() string { return Printable(e.Path + ": " + e.What) }

// Printable replaces what a terminal does not print as it stands with the
// escapes of Go's string literals.
func Printable(s string) string {
	plain := true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteString(s[:n])
		} else {
			q := strconv.Quote(s[:n])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// File is one ELF file. Its methods may be used by several goroutines at once.
type File struct {
	Path  string
	Arch  *arch.Arch
	Type  elf.Type
	Flags uint32 // e_flags
	Size  uint64 // bytes in the file

	Sections []Section
	Segments []Segment
	// ProgramHeaders is the number of bytes from the start of the file to the
	// end of the program header table.
	ProgramHeaders uint64

	order binary.ByteOrder
	is64  bool
	data  []byte // the whole file, or nil when it is read in pieces
	r     io.ReaderAt
	c     io.Closer
	buf   *[]byte // of data, to be used again
}

// Section is one section header.
type Section struct {
	Index     uint32
	Name      string
	Type      elf.SectionType
	Flags     elf.SectionFlag
	Addr      uint64
	Offset    uint64
	Size      uint64
	Link      uint32
	Info      uint32
	Addralign uint64
	Entsize   uint64
}

// Alloc says whether the section takes part in the loaded image.
func (s *Section) Alloc() bool { return s.Flags&elf.SHF_ALLOC != 0 }

// Contains says whether an address of the image lies in the section.
func (s *Section) Contains(addr uint64) bool { return addr >= s.Addr && addr-s.Addr < s.Size }

// Segment is one program header.
type Segment struct {
	Type   elf.ProgType
	Flags  elf.ProgFlag
	Offset uint64
	VAddr  uint64
	Filesz uint64
	Memsz  uint64
	Align  uint64
}

// wholeLimit is the size in bytes up to which a file is read at once: one
// system call is cheaper than several. Larger ones carry debug information
// that nobody here looks at.
const wholeLimit = 1 << 20

// pieceLimit bounds what is read of a larger file at once, in bytes: a sparse
// file costs nothing and may claim to hold terabytes.
const pieceLimit = 256 << 20

// Open reads the headers of the ELF file at path. The file must be closed.
func Open(path string) (*File, error) {
	// Opening a pipe that nobody writes to would otherwise wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, openError(path, err)
	}
	if !st.Mode().IsRegular() {
		f.Close()
		return nil, &FormatError{path, "not a regular file"}
	}
	if st.Size() <= wholeLimit {
		buf := buffers.Get().(*[]byte)
		*buf = slices.Grow((*buf)[:0], int(st.Size()))[:st.Size()]
		_, err := io.ReadFull(f, *buf)
		f.Close()
		if err != nil {
			return nil, openError(path, err)
		}
		o, err := Parse(path, *buf)
		if err != nil {
			return nil, err
		}
		o.buf = buf
		return o, nil
	}
	o, err := New(path, f, st.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	o.c = f
	return o, nil
}

// openError drops the operation and the second mention of the path that
// os.PathError carries.
func openError(path string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", Printable(path), err)
}

// buffers are files' contents that nobody needs any more: verifying thousands
// of modules is faster with the same memory.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Close lets go of the file. What its methods returned must not be used any
// more, names aside.
func (f *File) Close() error {
	if f.buf != nil {
		buffers.Put(f.buf)
		f.buf, f.data = nil, nil
	}
	if f.c == nil {
		return nil
	}
	return f.c.Close()
}

// Parse reads an ELF file that is in memory. The file keeps data.
func Parse(path string, data []byte) (*File, error) {
	f := &File{Path: path, data: data, Size: uint64(len(data))}
	return f, f.readHeader()
}

// New reads an ELF file of size bytes piece by piece.
func New(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{Path: path, r: r, Size: uint64(size)}
	return f, f.readHeader()
}

func (f *File) errorf(format string, args ...any) error {
	return &FormatError{f.Path, fmt.Sprintf(format, args...)}
}

// bytesAt returns n bytes of the file from off on; what names them in errors.
func (f *File) bytesAt(off, n uint64, what string) ([]byte, error) {
	if off > f.Size || n > f.Size-off {
		return nil, f.errorf("%s at %#x, %d bytes long, lies outside the file of %d bytes", what, off, n, f.Size)
	}
	if n == 0 {
		return nil, nil
	}
	if f.data != nil {
		return f.data[off : off+n : off+n], nil
	}
	if n > pieceLimit {
		return nil, f.errorf("%s is %d bytes long, more than kmodpad reads", what, n)
	}
	buf := make([]byte, n)
	if _, err := f.r.ReadAt(buf, int64(off)); err != nil {
		return nil, openError(f.Path, err)
	}
	return buf, nil
}

func (f *File) readHeader() error {
	const longest = 64 // sizeof(Elf64_Ehdr)
	h, err := f.bytesAt(0, min(longest, f.Size), "the ELF header")
	if err != nil {
		return err
	}
	switch {
	case len(h) == 0:
		return f.errorf("the file is empty")
	case bytes.HasPrefix(h, []byte("BC\xc0\xde")) || bytes.HasPrefix(h, []byte("\xde\xc0\x17\x0b")):
		return f.errorf("LLVM bitcode, not an ELF object: compile without -flto, or with -ffat-lto-objects")
	case !bytes.HasPrefix(h, []byte(elf.ELFMAG)):
		return f.errorf("not an ELF file")
	case len(h) < 52:
		return f.errorf("the ELF header is cut off after %d bytes", len(h))
	}
	class, data := elf.Class(h[elf.EI_CLASS]), elf.Data(h[elf.EI_DATA])
	switch class {
	case elf.ELFCLASS32:
	case elf.ELFCLASS64:
		f.is64 = true
		if len(h) < 64 {
			return f.errorf("the ELF header is cut off after %d bytes", len(h))
		}
	default:
		return f.errorf("ELF class %d is neither 32 nor 64 bit", h[elf.EI_CLASS])
	}
	switch data {
	case elf.ELFDATA2LSB:
		f.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.order = binary.BigEndian
	default:
		return f.errorf("ELF byte order %d is neither little nor big endian", h[elf.EI_DATA])
	}
	for _, v := range []uint32{uint32(h[elf.EI_VERSION]), f.order.Uint32(h[20:])} {
		if v != uint32(elf.EV_CURRENT) {
			return f.errorf("unsupported ELF version %d", v)
		}
	}
	f.Type = elf.Type(f.order.Uint16(h[16:]))
	machine := elf.Machine(f.order.Uint16(h[18:]))
	if f.Arch = arch.ByELF(machine, class, f.order); f.Arch == nil {
		return f.errorf("%v, %v, %v: FreeBSD has no kernel modules of this kind", machine, class, data)
	}
	d := decoder{f.order, f.is64, h[24:]}
	d.addr() // e_entry
	phoff, shoff := d.addr(), d.addr()
	f.Flags = d.u32()
	d.u16() // e_ehsize
	phentsize, phnum := d.u16(), uint32(d.u16())
	shentsize, shnum, shstrndx := d.u16(), uint32(d.u16()), uint32(d.u16())

	if err := f.readSections(shoff, uint64(shentsize), shnum, shstrndx, &phnum); err != nil {
		return err
	}
	return f.readSegments(phoff, uint64(phentsize), phnum)
}

// readSections reads the section headers. The counts in the ELF header are 16
// bits wide; larger ones stand in section 0 (gABI, "Section Header").
func (f *File) readSections(off, entsize uint64, num, strndx uint32, phnum *uint32) error {
	if off == 0 {
		if num != 0 {
			return f.errorf("%d sections, but no section header table", num)
		}
		return nil
	}
	want := uint64(40)
	if f.is64 {
		want = 64
	}
	if entsize != want {
		return f.errorf("section headers of %d bytes, expected %d", entsize, want)
	}
	first, err := f.bytesAt(off, want, "section header 0")
	if err != nil {
		return err
	}
	zero := f.decodeSection(first)
	if num == 0 {
		if zero.Size > f.Size/want {
			return f.errorf("%d sections do not fit in the file of %d bytes", zero.Size, f.Size)
		}
		num = uint32(zero.Size)
	}
	if strndx == uint32(elf.SHN_XINDEX) {
		strndx = zero.Link
	}
	if *phnum == 0xffff { // PN_XNUM
		*phnum = zero.Info
	}
	table, err := f.bytesAt(off, uint64(num)*want, "the section header table")
	if err != nil {
		return err
	}
	f.Sections = make([]Section, num)
	names := make([]uint32, num)
	var held uint64 // by all sections together
	for i := range f.Sections {
		h := table[uint64(i)*want:]
		s := f.decodeSection(h)
		s.Index = uint32(i)
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL && (s.Offset > f.Size || s.Size > f.Size-s.Offset) {
			return f.errorf("section %d at %#x, %d bytes long, lies outside the file of %d bytes", i, s.Offset, s.Size, f.Size)
		}
		// No byte of a file belongs to two sections (gABI, "Sections"). Without
		// this rule a small file could hold one large table a thousand times.
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL {
			if held += s.Size; held > f.Size {
				return f.errorf("the sections up to %d are %d bytes long together, in a file of %d bytes: they overlap", i, held, f.Size)
			}
		}
		if s.Addralign&(s.Addralign-1) != 0 {
			return f.errorf("section %d has alignment %d, which is no power of two", i, s.Addralign)
		}
		f.Sections[i], names[i] = s, f.order.Uint32(h)
	}
	if strndx == 0 {
		return nil
	}
	if strndx >= num {
		return f.errorf("the section names are in section %d of %d", strndx, num)
	}
	strs, err := f.stringTable(strndx, "the section names")
	if err != nil {
		return err
	}
	for i := range f.Sections {
		name, ok := cString(strs, names[i])
		if !ok {
			return f.errorf("the name of section %d lies outside the section names", i)
		}
		f.Sections[i].Name = name
	}
	return nil
}

func (f *File) decodeSection(h []byte) Section {
	d := decoder{f.order, f.is64, h}
	var s Section
	d.u32() // sh_name
	s.Type = elf.SectionType(d.u32())
	s.Flags = elf.SectionFlag(d.addr())
	s.Addr, s.Offset, s.Size = d.addr(), d.addr(), d.addr()
	s.Link, s.Info = d.u32(), d.u32()
	s.Addralign, s.Entsize = d.addr(), d.addr()
	return s
}

func (f *File) readSegments(off, entsize uint64, num uint32) error {
	if num == 0 {
		return nil
	}
	want := uint64(32)
	if f.is64 {
		want = 56
	}
	if entsize != want {
		return f.errorf("program headers of %d bytes, expected %d", entsize, want)
	}
	table, err := f.bytesAt(off, uint64(num)*want, "the program header table")
	if err != nil {
		return err
	}
	f.ProgramHeaders = off + uint64(num)*want
	f.Segments = make([]Segment, num)
	for i := range f.Segments {
		d := decoder{f.order, f.is64, table[uint64(i)*want:]}
		s := &f.Segments[i]
		s.Type = elf.ProgType(d.u32())
		if f.is64 {
			s.Flags = elf.ProgFlag(d.u32())
		}
		s.Offset, s.VAddr = d.addr(), d.addr()
		d.addr() // p_paddr
		s.Filesz, s.Memsz = d.addr(), d.addr()
		if !f.is64 {
			s.Flags = elf.ProgFlag(d.u32())
		}
		s.Align = d.addr()
		if s.Offset > f.Size || s.Filesz > f.Size-s.Offset {
			return f.errorf("segment %d at %#x, %d bytes long, lies outside the file of %d bytes", i, s.Offset, s.Filesz, f.Size)
		}
		if s.Type == elf.PT_LOAD && s.Filesz > s.Memsz {
			return f.errorf("segment %d has %d bytes in the file but only %d in memory", i, s.Filesz, s.Memsz)
		}
		if s.VAddr+s.Memsz < s.VAddr {
			return f.errorf("segment %d at address %#x, %d bytes long, wraps around", i, s.VAddr, s.Memsz)
		}
	}
	return nil
}

// Data returns the bytes of a section; it is empty for SHT_NOBITS.
func (f *File) Data(s *Section) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, nil
	}
	return f.bytesAt(s.Offset, s.Size, "section "+s.Name)
}

// SegmentData returns the bytes that a segment has in the file.
func (f *File) SegmentData(s *Segment) ([]byte, error) {
	return f.bytesAt(s.Offset, s.Filesz, "a segment")
}

// Section finds the first section of a name; nil when there is none.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// SectionAt returns the section of an index as symbols and relocation sections
// name it; nil when it is reserved or there is no such section.
func (f *File) SectionAt(index uint32) *Section {
	if index == 0 || uint64(index) >= uint64(len(f.Sections)) {
		return nil
	}
	return &f.Sections[index]
}

// stringTable reads a string section. It is a string so that names cut from it
// cost nothing.
func (f *File) stringTable(index uint32, what string) (string, error) {
	s := f.SectionAt(index)
	if s == nil {
		return "", f.errorf("%s are in section %d of %d", what, index, len(f.Sections))
	}
	if s.Type != elf.SHT_STRTAB {
		return "", f.errorf("%s are in section %d, which is no string table", what, index)
	}
	data, err := f.Data(s)
	return string(data), err
}

// cString cuts the string that starts at off; false when off lies outside or
// nothing ends the string.
func cString(strs string, off uint32) (string, bool) {
	if off == 0 && strs == "" {
		return "", true
	}
	if uint64(off) >= uint64(len(strs)) {
		return "", false
	}
	s := strs[off:]
	if n := strings.IndexByte(s, 0); n >= 0 {
		return s[:n], true
	}
	return "", false
}

// decoder walks over the fields of one fixed-size entry, whose length has been
// checked.
type decoder struct {
	order binary.ByteOrder
	is64  bool
	b     []byte
}

func (d *decoder) u16() uint16 {
	v := d.order.Uint16(d.b)
	d.b = d.b[2:]
	return v
}

func (d *decoder) u32() uint32 {
	v := d.order.Uint32(d.b)
	d.b = d.b[4:]
	return v
}

func (d *decoder) u64() uint64 {
	v := d.order.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// addr reads a field that is as wide as an address.
func (d *decoder) addr() uint64 {
	if d.is64 {
		return d.u64()
	}
	return uint64(d.u32())
}
