package padcheck

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"path/filepath"
)

// sourceLine finds the line of source that a place was compiled from; it is
// empty when the object has no debug information, or none that debug/elf can
// relocate. Only the last element of the file's name is kept: an absolute
// path would differ between machines.
func sourceLine(path, section string, offset uint64) (line string) {
	defer func() {
		// debug/dwarf is not hardened against bad input, and a line is only
		// an ornament.
		if recover() != nil {
			line = ""
		}
	}()
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	s := f.Section(section)
	if s == nil || s.Flags&elf.SHF_EXECINSTR == 0 || f.Section(".debug_line") == nil || f.Section(".debug_line").Size > 16<<20 {
		return ""
	}
	data, err := f.DWARF()
	if err != nil {
		return ""
	}
	entries := data.Reader()
	for {
		unit, err := entries.Next()
		if err != nil || unit == nil {
			return ""
		}
		if unit.Tag != dwarf.TagCompileUnit {
			entries.SkipChildren()
			continue
		}
		lines, err := data.LineReader(unit)
		if err == nil && lines != nil {
			var at dwarf.LineEntry
			if lines.SeekPC(offset, &at) == nil && at.File != nil {
				name := filepath.Base(at.File.Name)
				return fmt.Sprintf("%s:%d", name, at.Line)
			}
		}
		entries.SkipChildren()
	}
}
