package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// patience is how long a run may take. A module that uses wrong addresses can
// go on forever.
const patience = 30 * time.Second

// Call is a call of a function without arguments that returns an int, on one of
// the two network stacks and one of the two CPUs.
type Call struct {
	Address   uint64
	Vnet, CPU int
}

// Areas that are there in every run.
const (
	Vnet0 = "vnet0" // instances of set_vnet
	Vnet1 = "vnet1"
	CPU0  = "cpu0" // instances of set_pcpu
	CPU1  = "cpu1"
	Vnet  = "vnet" // the kernel's own sets, which modspace is a part of
	Pcpu  = "pcpu"
	// Wild is memory that belongs to nobody.
	Wild = "wild"
)

// ModuleArea is the name of the area that a module is mapped to.
func ModuleArea(m *loader.Module) string { return "module " + m.Name }

// Area is memory that the harness watches.
type Area struct {
	Name        string
	Start, Size uint64
	// Base, in an instance, is added to an address in the kernel's own set to
	// give the same variable's place in the instance: vnet_data_base or
	// pc_dynamic.
	Base uint64
}

// Write is a word of memory that was changed.
type Write struct {
	Area    string
	Address uint64
	// Offset counts from the first byte of the area; in the area Wild, whose
	// pages are anywhere, it is the address.
	Offset uint64
	// Value is what the word holds now, Width the number of its bytes: always
	// four, on every architecture. A wider variable shows as those of its
	// words that changed.
	Value uint64
	Width int
}

// Outcome is what calls have done.
type Outcome struct {
	// Areas are the areas of the run, in the kernel's order.
	Areas []Area
	// Returns are what the calls returned. It is shorter than the calls where
	// one of them did not.
	Returns []int
	// Faults are the addresses at which something was accessed where nothing
	// is. A real kernel panics at the first. The harness goes on with a page
	// there, so that there is one fault a page.
	Faults []uint64
	// Stopped is the signal at which the harness could not go on; zero when it
	// could.
	Stopped int
	// Writes are the changed words of all areas, in the order of the areas and
	// of their addresses.
	Writes []Write
}

// Fault is the first fault, nil when there was none.
func (o *Outcome) Fault() *uint64 {
	if len(o.Faults) == 0 {
		return nil
	}
	return &o.Faults[0]
}

// Area finds an area by its name; nil when there is none. There may be several
// of the name Wild.
func (o *Outcome) Area(name string) *Area {
	for i := range o.Areas {
		if o.Areas[i].Name == name {
			return &o.Areas[i]
		}
	}
	return nil
}

// In lists the writes to the areas of a name.
func (o *Outcome) In(name string) []Write {
	return slices.DeleteFunc(slices.Clone(o.Writes), func(w Write) bool { return w.Area != name })
}

// Run maps modules where they were relocated to, in a process of its own,
// copies their sets as they were copied in the dry run, and makes the calls one
// after the other.
func (k *Kernel) Run(ctx context.Context, modules []*loader.Module, calls []Call) (*Outcome, error) {
	dir, err := os.MkdirTemp("", "kmodpad-harness-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := script{kernel: k, dir: dir}
	for i, m := range modules {
		if err := s.module(i, m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.File.Path, err)
		}
	}
	for _, c := range calls {
		s.args = append(s.args, "call", strconv.Itoa(c.Vnet), strconv.Itoa(c.CPU), hex(c.Address))
	}
	command := append(slices.Clone(k.emulator), k.Path)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err := run.Run(ctx, run.Command{Path: command[0], Args: append(command[1:], s.args...), Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, result.Stdout)
	}
	return parse(string(result.Stdout), modules)
}

// script collects the arguments of the kernel, and the files they name.
type script struct {
	kernel *Kernel
	dir    string
	args   []string
	files  int
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

// file adds a command that loads bytes to an address.
func (s *script) file(addr uint64, data []byte, command ...string) error {
	name := strconv.Itoa(s.files)
	s.files++
	s.args = append(s.args, command...)
	s.args = append(s.args, hex(addr), hex(uint64(len(data))), name)
	return os.WriteFile(filepath.Join(s.dir, name), data, 0o644)
}

func (s *script) module(number int, m *loader.Module) error {
	if err := s.file(m.Address, m.Memory[0].Data, "module", areaOf(number)); err != nil {
		return err
	}
	for _, set := range m.Sets {
		if set.Allocated == 0 || len(set.Template) == 0 {
			continue
		}
		space, copies := s.kernel.vnet, "vnet"
		if set.Name == loader.SetPcpu {
			space, copies = s.kernel.pcpu, "pcpu"
		}
		if !space.contains(set.Base, set.Allocated) {
			return fmt.Errorf("%s has %d bytes at %#x, which is outside of the harness's modspace", set.Name, set.Allocated, set.Base)
		}
		// In modspace link_elf leaves the set as it was linked, link_elf_obj
		// the set itself.
		own := set.Template
		if placed := m.Read(set.Base, set.Allocated); placed != nil {
			own = placed
		}
		if err := s.file(set.Base, own, "put"); err != nil {
			return err
		}
		if err := s.file(set.Base, set.Template, copies); err != nil {
			return err
		}
	}
	return nil
}

// areaOf is what the kernel is told to call the area of a module, whose own
// name may be anything.
func areaOf(number int) string { return "module" + strconv.Itoa(number) }

// parse reads what the kernel prints; kernel.c says what that is.
func parse(text string, modules []*loader.Module) (*Outcome, error) {
	o := &Outcome{}
	names := map[string]string{}
	for i, m := range modules {
		names[areaOf(i)] = ModuleArea(m)
	}
	complete := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		var numbers []uint64
		for _, w := range words {
			if v, err := strconv.ParseUint(w, 0, 64); err == nil {
				numbers = append(numbers, v)
			}
		}
		name := ""
		if len(words) > 1 {
			name = words[1]
			if known, ok := names[name]; ok {
				name = known
			}
		}
		switch {
		case len(words) == 4 && words[0] == "area" && len(numbers) == 2:
			o.Areas = append(o.Areas, Area{Name: name, Start: numbers[0], Size: numbers[1]})
		case len(words) == 3 && words[0] == "base" && len(numbers) == 1 && o.Area(name) != nil:
			o.Area(name).Base = numbers[0]
		case len(words) == 4 && words[0] == "write" && len(numbers) == 2:
			o.write(name, numbers[0], numbers[1])
		case len(words) == 2 && words[0] == "return" && len(numbers) == 1:
			o.Returns = append(o.Returns, int(int32(numbers[0])))
		case len(words) == 2 && words[0] == "fault" && len(numbers) == 1:
			o.Faults = append(o.Faults, numbers[0])
		case len(words) == 2 && words[0] == "stop" && len(numbers) == 1:
			o.Stopped = int(numbers[0])
		case line == "end\n":
			complete = true
		default:
			return nil, fmt.Errorf("the harness's kernel says: %s", strings.TrimSpace(line))
		}
	}
	if !complete {
		return nil, fmt.Errorf("the harness's kernel did not come to its end: %s", text)
	}
	return o, nil
}

func (o *Outcome) write(area string, addr, value uint64) {
	w := Write{Area: area, Address: addr, Offset: addr, Value: value, Width: 4}
	if area != Wild {
		w.Offset -= o.Area(area).Start
	}
	o.Writes = append(o.Writes, w)
}
