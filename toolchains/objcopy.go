package toolchains

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Objcopy is an objcopy of GNU binutils, LLVM or the ELF Tool Chain.
type Objcopy struct {
	Program
	// Targets are the names of the architectures whose objects it was seen to
	// copy.
	Targets []string
}

// Objcopy finds the best objcopy for an architecture: a cross tool of one of
// its prefixes, then an llvm-objcopy, the newest first, then any other. It is
// false when there is none.
func (t *Toolchains) Objcopy(a *arch.Arch) (Objcopy, bool) {
	var best Objcopy
	bestRank := -1
	for _, o := range t.Objcopies {
		if !slices.Contains(o.Targets, a.Name) {
			continue
		}
		// <= because a later name is a later version.
		if rank := o.rank(a); bestRank < 0 || rank <= bestRank {
			best, bestRank = o, rank
		}
	}
	return best, bestRank >= 0
}

// rank says how good an objcopy is for an architecture; less is better.
func (o Objcopy) rank(a *arch.Arch) int {
	names := append(slices.Clone(o.Aliases), o.Name)
	for i, prefix := range a.GNUPrefixes {
		for _, name := range names {
			// FreeBSD's own cross tools name the release: x86_64-unknown-freebsd14.0-objcopy.
			if rest, ok := strings.CutPrefix(name, prefix); ok && strings.TrimLeft(rest, "0123456789.") == "-objcopy" {
				return i
			}
		}
	}
	switch rank := len(a.GNUPrefixes); {
	case slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "llvm-") }):
		return rank
	case slices.Contains(names, "objcopy"):
		return rank + 1
	default:
		return rank + 2
	}
}

type objcopyRole struct{}

func (objcopyRole) identify(ctx context.Context, ask asker, c candidate) identity {
	p := identify(c)
	var text string
	if text, p.reason = ask.text(ctx, c.path, "--version"); p.reason == nil {
		p.Version = parseVersion(text) // the ELF Tool Chain's has none
	}
	return p
}

func (objcopyRole) probe(ctx context.Context, ask asker, p identity) ([]string, error) {
	dir, err := os.MkdirTemp("", "kmodpad-probe-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var targets []string
	var reason error
	for _, a := range arch.All {
		input, output := filepath.Join(dir, a.Name+".o"), filepath.Join(dir, a.Name+".out")
		if err := os.WriteFile(input, tinyObject(a), 0o600); err != nil {
			return nil, err
		}
		_, err := ask.run(ctx, run.Command{Path: p.Path, Args: []string{input, output}})
		if errors.As(err, new(hung)) {
			return nil, err
		}
		if err == nil {
			var header elf.FileHeader
			header, err = readHeader(output)
			if err == nil && (header.Machine != a.Machine || header.Class != a.Class || header.ByteOrder != a.Order) {
				err = fmt.Errorf("makes an object for %v of one for %s", header.Machine, a)
			}
		}
		if err == nil {
			targets = append(targets, a.Name)
		} else if reason == nil {
			reason = err
		}
	}
	if targets == nil {
		return nil, fmt.Errorf("copies objects of no architecture that FreeBSD loads modules on: %w", reason)
	}
	return targets, nil
}

func (objcopyRole) add(t *Toolchains, p identity, targets []string) {
	t.Objcopies = append(t.Objcopies, Objcopy{Program: p.Program, Targets: targets})
}

// tinyObject is a relocatable object of an architecture, with eight bytes of
// .text and one global symbol. A bare header would not do: GNU objcopy takes
// that of any machine, and then complains that there are no sections.
func tinyObject(a *arch.Arch) []byte {
	const names = "\x00.text\x00.symtab\x00.strtab\x00"
	name := func(s string) uint32 { return uint32(strings.Index(names, s)) }
	headerSize, entSize, symbolSize := uint64(52), uint16(40), uint64(elf.Sym32Size)
	if a.Is64() {
		headerSize, entSize, symbolSize = 64, 64, elf.Sym64Size
	}

	// The contents of sections 1 to 3, each padded to eight bytes. The names of
	// sections and of symbols share a table.
	contents := [][]byte{make([]byte, 8), tinySymbols(a, name(".text")), []byte(names)}
	sections := []elf.Section64{
		{},
		{Name: name(".text"), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR), Addralign: 4},
		{Name: name(".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: 3, Info: 1, Addralign: 8, Entsize: symbolSize},
		{Name: name(".strtab"), Type: uint32(elf.SHT_STRTAB), Addralign: 1},
	}
	offset := (headerSize + 7) &^ 7
	body := make([]byte, offset-headerSize)
	for i, content := range contents {
		sections[i+1].Off, sections[i+1].Size = offset, uint64(len(content))
		body = append(body, content...)
		body = append(body, make([]byte, -len(content)&7)...)
		offset = headerSize + uint64(len(body))
	}

	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(a.Class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	if a.Order == binary.BigEndian {
		ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	var file []byte
	if a.Is64() {
		file = encode(a, file, elf.Header64{Ident: ident, Type: uint16(elf.ET_REL), Machine: uint16(a.Machine), Version: 1,
			Shoff: offset, Ehsize: uint16(headerSize), Shentsize: entSize, Shnum: 4, Shstrndx: 3})
	} else {
		file = encode(a, file, elf.Header32{Ident: ident, Type: uint16(elf.ET_REL), Machine: uint16(a.Machine), Version: 1,
			Shoff: uint32(offset), Ehsize: uint16(headerSize), Shentsize: entSize, Shnum: 4, Shstrndx: 3})
	}
	file = append(file, body...)
	for _, s := range sections {
		if a.Is64() {
			file = encode(a, file, s)
		} else {
			file = encode(a, file, elf.Section32{Name: s.Name, Type: s.Type, Flags: uint32(s.Flags), Off: uint32(s.Off),
				Size: uint32(s.Size), Link: s.Link, Info: s.Info, Addralign: uint32(s.Addralign), Entsize: uint32(s.Entsize)})
		}
	}
	return file
}

// tinySymbols is a table of one global symbol in section 1.
func tinySymbols(a *arch.Arch, name uint32) []byte {
	info := elf.ST_INFO(elf.STB_GLOBAL, elf.STT_NOTYPE)
	if a.Is64() {
		return encode(a, make([]byte, elf.Sym64Size), elf.Sym64{Name: name, Info: info, Shndx: 1})
	}
	return encode(a, make([]byte, elf.Sym32Size), elf.Sym32{Name: name, Info: info, Shndx: 1})
}

func encode(a *arch.Arch, to []byte, value any) []byte {
	to, err := binary.Append(to, a.Order, value)
	if err != nil {
		panic(err) // a value of no fixed size, which none of ours is
	}
	return to
}
