package padcheck

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// symbolizer names addresses of a module by its symbol table.
type symbolizer struct {
	vars []variable // sorted by start, then longest first
}

// variable is a function or a variable where it was loaded.
type variable struct {
	name        string
	start, stop uint64
}

// symbolizer reads the module's names when they are first needed.
func (c *checker) symbolizer() *symbolizer {
	if c.names == nil {
		c.names = newSymbolizer(c.m)
	}
	return c.names
}

func newSymbolizer(m *loader.Module) *symbolizer {
	s := &symbolizer{}
	t, err := m.File.Symbols(elf.SHT_SYMTAB)
	if err != nil || t.Len == 0 {
		t = m.Symbols // stripped: the dynamic symbols are better than nothing
	}
	for i := range uint32(t.Len) {
		sym := t.At(i)
		switch sym.Type() {
		case elf.STT_FUNC, elf.STT_OBJECT, elf.STT_GNU_IFUNC, elf.STT_NOTYPE:
		default:
			continue
		}
		name := t.Name(sym)
		sec := m.File.SectionAt(sym.Section)
		if sec == nil || skipName(name) {
			continue
		}
		start, ok := m.SectionAddr(sym.Section)
		if !ok {
			continue
		}
		start += sym.Value
		if m.File.Type != elf.ET_REL {
			start -= sec.Addr
		}
		s.vars = append(s.vars, variable{name, start, start + sym.Size})
	}
	slices.SortStableFunc(s.vars, func(a, b variable) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		case a.stop > b.stop:
			return -1
		case a.stop < b.stop:
			return 1
		}
		return 0
	})
	return s
}

// skipName says that a symbol is no name for a variable: mapping symbols,
// compilers' labels, and what linkers define.
func skipName(name string) bool {
	switch name {
	case "", "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_", "_edata", "__bss_start", "_end", "end", "edata", "_etext", "etext", "__bss_start__", "_bss_end__", "__bss_end__", "__end__":
		return true
	}
	return strings.HasPrefix(name, "$") || strings.HasPrefix(name, ".L") || strings.HasPrefix(name, "__start_") || strings.HasPrefix(name, "__stop_")
}

// index finds the first variable that starts at addr or behind.
func (s *symbolizer) index(addr uint64) int {
	i, _ := slices.BinarySearchFunc(s.vars, addr, func(v variable, addr uint64) int {
		if v.start < addr {
			return -1
		}
		return 1
	})
	return i
}

// between lists the variables that start in [start, stop).
func (s *symbolizer) between(start, stop uint64) []variable {
	return s.vars[s.index(start):s.index(stop)]
}

// startingAt lists the variables that start at an address.
func (s *symbolizer) startingAt(addr uint64) []variable {
	return s.vars[s.index(addr):s.index(addr+1)]
}

// name names an address as function+0x12; it is empty when no symbol is near.
func (s *symbolizer) name(addr uint64) string {
	i := s.index(addr + 1)
	for i--; i >= 0 && i < len(s.vars); i-- {
		v := &s.vars[i]
		if addr < v.stop || addr == v.start {
			return plus(v.name, int64(addr-v.start))
		}
		if addr-v.start > 1<<20 {
			break
		}
	}
	return ""
}

// where names the function or variable that an address of the map lies in.
func (c *checker) where(addr uint64) string { return c.symbolizer().name(addr) }

// place names a place for people.
func (c *checker) place(addr uint64) string {
	if name := c.where(addr); name != "" {
		return name
	}
	return fmt.Sprintf("%#x", c.link(addr))
}

// describe says in words what a relocation points to.
func (c *checker) describe(r *reloc.Record) string {
	if name := c.where(r.X); name != "" {
		return name
	}
	if name := c.m.Symbols.NameOf(r.Symbol); name != "" {
		return plus(name, int64(r.A))
	}
	return fmt.Sprintf("%#x", c.link(r.X))
}

// plus writes symbol+offset, as nm and debuggers do.
func plus(name string, offset int64) string {
	switch {
	case offset == 0:
		return quoted(name)
	case offset < 0:
		return quoted(name) + signedHex(offset)
	default:
		return quoted(name) + "+" + signedHex(offset)
	}
}

// signedHex writes a number in hexadecimal with its sign in front.
func signedHex(v int64) string {
	if v < 0 {
		return "-0x" + strconv.FormatUint(uint64(-v), 16)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// quoted makes a name from a file safe to print on a terminal.
func quoted(name string) string {
	for _, r := range name {
		if r == ' ' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

// word reads a field of 2, 4 or 8 bytes.
func word(order binary.ByteOrder, b []byte) uint64 {
	switch len(b) {
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	case 8:
		return order.Uint64(b)
	}
	return 0
}
