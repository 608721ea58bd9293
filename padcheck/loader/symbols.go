package loader

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Symbols are the symbols that a kernel defines.
type Symbols struct {
	// Arch is the kernel's architecture; nil when a list of names does not say.
	Arch  *arch.Arch
	addrs map[string]uint64
}

// Lookup finds a symbol's address.
func (s *Symbols) Lookup(name string) (addr uint64, ok bool) {
	if s == nil {
		return 0, false
	}
	addr, ok = s.addrs[name]
	return addr, ok
}

// Len is the number of symbols.
func (s *Symbols) Len() int { return len(s.addrs) }

// ReadSymbols reads a kernel's symbols: from a kernel file (ELF), or from a
// text with a symbol a line, NAME ADDRESS or what nm and System.map print,
// ADDRESS TYPE NAME.
func ReadSymbols(path string) (*Symbols, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(path, err)
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	n, err := io.ReadFull(f, magic)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, readError(path, err)
	}
	if bytes.Equal(magic, []byte(elf.ELFMAG)) {
		return kernelSymbols(path)
	}
	return symbolList(path, io.MultiReader(bytes.NewReader(magic[:n]), f))
}

// kernelSymbols reads the dynamic symbols of a kernel, which its linker looks
// up first, and then all others.
func kernelSymbols(path string) (*Symbols, error) {
	f, err := object.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &Symbols{Arch: f.Arch, addrs: map[string]uint64{}}
	for _, typ := range []elf.SectionType{elf.SHT_DYNSYM, elf.SHT_SYMTAB} {
		table, err := f.Symbols(typ)
		if err != nil {
			return nil, err
		}
		for i := range uint32(table.Len) {
			sym := table.At(i)
			if !sym.Defined() || sym.Type() == elf.STT_FILE || sym.Type() == elf.STT_SECTION {
				continue
			}
			name := table.Name(sym)
			if _, known := s.addrs[name]; !known && name != "" {
				s.addrs[name] = sym.Value
			}
		}
	}
	if len(s.addrs) == 0 {
		return nil, fmt.Errorf("%s: the kernel has no symbols; give an unstripped one, or the output of nm", path)
	}
	return s, nil
}

// readError names the file once; os.PathError would do so again.
func readError(path string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", object.Printable(path), err)
}

func symbolList(path string, r io.Reader) (*Symbols, error) {
	s := &Symbols{addrs: map[string]uint64{}}
	lines := bufio.NewScanner(r)
	n := 1
	for ; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		var name, addr string
		switch {
		case len(fields) == 2 && len(fields[0]) == 1 && strings.ContainsAny(fields[0], "Uwv"):
			continue // nm: undefined, no address
		case len(fields) == 2:
			name, addr = fields[0], fields[1]
		case len(fields) >= 3 && len(fields[1]) == 1:
			addr, name = "0x"+strings.TrimPrefix(fields[0], "0x"), fields[2]
		default:
			return nil, fmt.Errorf("%s:%d: expected NAME ADDRESS, or ADDRESS TYPE NAME as nm prints", path, n)
		}
		v, err := strconv.ParseUint(addr, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %q is no address", path, n, addr)
		}
		if _, known := s.addrs[name]; !known {
			s.addrs[name] = v
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: no list of symbols: the line is longer than %d bytes", path, n, bufio.MaxScanTokenSize)
	case err != nil:
		return nil, readError(path, err)
	}
	return s, nil
}
