package padcheck

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
)

// misfit says why a file cannot be the stage 1 output that the module was
// linked from; it is empty when it can.
func (c *checker) misfit(kld *object.File) string {
	if kld.Arch != c.m.File.Arch {
		return fmt.Sprintf("it is for %s, the module for %s", kld.Arch, c.m.File.Arch)
	}
	if kld.Type != elf.ET_REL {
		return "it is not the output of ld -r"
	}
	for _, name := range loader.SetNames {
		var have, want uint64
		if s := kld.Section(name); s != nil {
			have = s.Size
		}
		if s := c.m.File.Section(name); s != nil {
			want = s.Size
		}
		if have != want && !c.paddedAfter(name, have) {
			return fmt.Sprintf("%s has %d bytes there and %d in the module, so the module was not linked from it", name, have, want)
		}
	}
	return ""
}

// paddedAfter says that a set is the same as in the stage 1 output but for
// padding at its end, which a script of stage 2 has added.
func (c *checker) paddedAfter(name string, size uint64) bool {
	set := c.m.Set(name)
	if set == nil || set.Size() < size {
		return false
	}
	for _, b := range c.m.Read(set.Start+size, set.Size()-size) {
		if b != 0x90 {
			return false
		}
	}
	return true
}

// placement says where the sections of the stage 1 output are in the loaded
// module.
type placement struct {
	base  []uint64
	known []bool
}

// at is where an offset of a section is; false when the section was not found.
func (p *placement) at(s *object.Section, offset uint64) (uint64, bool) {
	return p.base[s.Index] + offset, p.known[s.Index]
}

// locate finds the sections of the stage 1 output in the module. The linker
// says nothing about it, so each section is looked for where symbols of both
// files say it should be, or where the output section of its name begins, and
// taken to be there if the bytes are the same.
func (c *checker) locate(r *reference.Reader) (*placement, error) {
	kld := r.File
	p := &placement{make([]uint64, len(kld.Sections)), make([]bool, len(kld.Sections))}
	fields, err := relocatedFields(r)
	if err != nil {
		return nil, err
	}
	votes := c.votes(r)
	cursor := map[string]uint64{} // end of what was placed in an output section
	for i := range kld.Sections {
		s := &kld.Sections[i]
		if !s.Alloc() || s.Size == 0 || s.Type != elf.SHT_PROGBITS && s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_INIT_ARRAY && s.Type != elf.SHT_FINI_ARRAY {
			continue
		}
		if set := c.m.Set(s.Name); set != nil && set.Size() >= s.Size {
			p.base[i], p.known[i] = set.Start, true
			continue
		}
		data, err := kld.Data(s)
		if err != nil {
			return nil, err
		}
		candidates := votes[s.Index]
		if out := c.output(s.Name); out != nil {
			at := cursor[out.Name]
			if at == 0 {
				at = out.Addr
			}
			align := max(s.Addralign, 1)
			candidates = append(candidates, c.m.Address+(at+align-1)&^(align-1))
		}
		for _, base := range candidates {
			if c.sameBytes(s, data, base, fields[s.Index]) {
				p.base[i], p.known[i] = base, true
				if out := c.output(s.Name); out != nil {
					cursor[out.Name] = base - c.m.Address + s.Size
				}
				break
			}
		}
	}
	return p, nil
}

// output is the section of the module that an input section goes to by the
// linkers' habit: the one of its own name, or of its name up to the second dot.
func (c *checker) output(name string) *object.Section {
	for {
		if s := c.m.File.Section(name); s != nil && s.Alloc() {
			return s
		}
		i := strings.LastIndexByte(name, '.')
		if i <= 0 {
			return nil
		}
		name = name[:i]
	}
}

// relocatedFields lists, by section, the offsets at which the linker has
// written other bytes.
func relocatedFields(r *reference.Reader) ([][]uint64, error) {
	fields := make([][]uint64, len(r.File.Sections))
	for i := range r.File.Sections {
		s := &r.File.Sections[i]
		if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA {
			continue
		}
		to := r.File.SectionAt(s.Info)
		if to == nil || !to.Alloc() {
			continue
		}
		t, err := r.File.Relocations(s)
		if err != nil {
			return nil, err
		}
		list := make([]uint64, 0, t.Len)
		for j := range t.Len {
			list = append(list, t.At(j).Offset)
		}
		if err := t.Err(); err != nil {
			return nil, err
		}
		fields[to.Index] = append(fields[to.Index], list...)
	}
	return fields, nil
}

// votes asks the symbols that both files have, and have once, where the
// sections of the stage 1 output begin in the module.
func (c *checker) votes(r *reference.Reader) map[uint32][]uint64 {
	const enough = 4
	own := map[string]uint64{}
	for _, v := range c.symbolizer().vars {
		if _, twice := own[v.name]; twice {
			own[v.name] = 0
			continue
		}
		own[v.name] = v.start
	}
	votes := map[uint32][]uint64{}
	for i := range uint32(r.Symbols.Len) {
		sym := r.Symbols.At(i)
		if r.File.SectionAt(sym.Section) == nil || sym.Type() == elf.STT_SECTION || len(votes[sym.Section]) >= enough {
			continue
		}
		addr := own[r.Symbols.Name(sym)]
		if addr == 0 || addr < sym.Value {
			continue
		}
		base := addr - sym.Value
		if list := votes[sym.Section]; len(list) == 0 || list[len(list)-1] != base {
			votes[sym.Section] = append(list, base)
		}
	}
	return votes
}

// sameBytes compares a section with the module's memory, except where fields
// were relocated, and a few bytes around them, where linkers rewrite
// instructions. One byte in a hundred may differ all the same.
func (c *checker) sameBytes(s *object.Section, data []byte, base uint64, fields []uint64) bool {
	mem := c.m.Read(base, s.Size)
	if mem == nil {
		return false
	}
	if s.Type == elf.SHT_NOBITS {
		return true
	}
	relocated := make([]bool, len(data))
	for _, off := range fields {
		for i := max(off, 4) - 4; i < min(off+8, uint64(len(data))); i++ {
			relocated[i] = true
		}
	}
	differ := 0
	for i, b := range data {
		if b != mem[i] && !relocated[i] {
			differ++
		}
	}
	return differ*100 <= len(data)
}
