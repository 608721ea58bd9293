// Package loader holds what all kernel linkers share: the kernel that modules
// are loaded into, its symbols, its spaces, and the sets of the modules loaded
// so far.
//
// A [Loader] is the rules of one linker. Each lives in a package of its own
// below this one, whose functions are named after what the kernel does, in the
// kernel's order. To add a loader, write such a package and add it to the list
// in padcheck.
package loader

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Loader is the rules of one kernel linker.
type Loader interface {
	// Name is what the kernel's sources call it, for example link_elf.
	Name() string
	// Accepts says whether a file is of the kind this linker loads.
	Accepts(f *object.File) bool
	// Load dry-runs the load of a file into a kernel. It fails only when the
	// file cannot be made sense of; what the kernel would refuse is among the
	// module's problems, and the dry run goes on behind it to find more.
	Load(k *Kernel, f *object.File) (*Module, error)
}

// Names of the two sets that FreeBSD copies per instance
// (DPCPU_SETNAME in sys/sys/pcpu.h, VNET_SETNAME in sys/net/vnet.h).
const (
	SetPcpu = "set_pcpu"
	SetVnet = "set_vnet"
)

// SetNames lists them in the order in which the kernel looks for them.
var SetNames = []string{SetPcpu, SetVnet}

// Set is a linker set that the kernel copies per instance.
type Set struct {
	Name   string
	Module *Module
	// Number is the set's number in relocation records.
	Number int32
	// Start and Stop are the bounds of the set where the module was loaded.
	Start, Stop uint64
	// Base is where the template of the instances begins, and Allocated the
	// number of bytes there; zero when the kernel allocated nothing.
	Base, Allocated uint64
	// Template is what the kernel copies to every instance: the set's bytes
	// at the moment of the copy.
	Template []byte
	// Section is the section of that name; nil when there is none.
	Section *object.Section
}

// Size is the number of bytes between the set's symbols.
func (s *Set) Size() uint64 { return s.Stop - s.Start }

// Problem is something the loader met that the kernel minds, or should.
type Problem struct {
	// Rule is the rule's id.
	Rule string
	// Refuses says that the kernel does not load the module.
	Refuses bool
	// Set is the set's name, if the problem is about one.
	Set string
	// Record is the relocation, if the problem is about one.
	Record *reloc.Record
	// Detail is a sentence for people.
	Detail string
}

// Rules that loaders check themselves, while they do what the kernel does.
const (
	RuleMissingSentinel       = "missing-sentinel"
	RuleNoHashTable           = "no-hash-table"
	RuleUnknownRelocation     = "unknown-relocation"
	RuleUndefinedSymbol       = "undefined-symbol"
	RuleRelocationOverflow    = "relocation-overflow"
	RuleAddendDropped         = "addend-dropped"
	RuleSetSpaceExhausted     = "set-space-exhausted"
	RuleTooManySegments       = "too-many-segments"
	RuleInterpreterRequested  = "interpreter-requested"
	RuleHeadersOutsideSegment = "headers-outside-segment"
	RuleNotAtZero             = "not-linked-at-zero"
	RuleMissingDependency     = "missing-dependency"
	RuleDependencyVersion     = "dependency-version"
	RuleCommonSymbol          = "common-symbol"
	RuleUnloadedSection       = "unloaded-section"
)

// Region is a piece of the kernel's memory that belongs to a module.
type Region struct {
	Addr uint64
	Data []byte
}

// Contains says whether n bytes at addr lie in the region.
func (r Region) Contains(addr, n uint64) bool {
	return addr >= r.Addr && addr-r.Addr <= uint64(len(r.Data)) && n <= uint64(len(r.Data))-(addr-r.Addr)
}

// Module is a file that was loaded.
type Module struct {
	File   *object.File
	Name   string // of the file, without its folder and .ko
	Loader Loader
	// Address is where the module was loaded, Size the length of its map.
	Address, Size uint64
	// Memory is the module's memory: its map, and with link_elf_obj the
	// templates of its sets.
	Memory []Region
	Sets   []*Set
	// Trace holds a record for each relocation that was not skipped.
	Trace    []reloc.Record
	Problems []Problem
	// Symbols is the table that the records' symbol numbers count in.
	Symbols *object.Symbols
	// Metadata is what MODULE_DEPEND and MODULE_VERSION declare.
	Metadata Metadata
	// Find is how other modules look up a symbol in this one.
	Find func(name string) (addr uint64, ok bool)
	// SectionAddr is where a section of the file was placed; false when the
	// kernel does not load it.
	SectionAddr func(index uint32) (addr uint64, ok bool)
	// LinkerSet is linker_file_lookup_set: where the array of a linker set such
	// as set_sysinit_set was loaded; false when the kernel finds none.
	LinkerSet func(name string) (start, stop uint64, ok bool)
	deps      []*Module
}

// Set finds a set by name; nil when the module has none.
func (m *Module) Set(name string) *Set {
	for _, s := range m.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Read returns n bytes of the module's memory; nil when it has none there.
func (m *Module) Read(addr, n uint64) []byte {
	for _, r := range m.Memory {
		if r.Contains(addr, n) {
			off := addr - r.Addr
			return r.Data[off : off+n : off+n]
		}
	}
	return nil
}

// Problem notes a problem.
func (m *Module) Problem(p Problem) {
	p.Detail = object.Printable(p.Detail) // it may hold names from the file
	m.Problems = append(m.Problems, p)
}

// Unusable is the error of a file that cannot be made sense of.
func (m *Module) Unusable(format string, args ...any) error {
	return &object.FormatError{Path: m.File.Path, What: fmt.Sprintf(format, args...)}
}

// Kernel is the kernel that modules are loaded into.
type Kernel struct {
	Profile *profile.Profile
	Arch    *arch.Arch
	// Symbols are the kernel's own; nil when they are not known, and every
	// symbol that no module defines is taken to exist.
	Symbols *Symbols
	// Extra are symbols known beside those; they decide nothing when absent.
	Extra *Symbols

	Modules []*Module
	spaces  map[string]*Space
	sets    map[string][]*Set // the kernel's lists of sets, sorted by Start
	numbers []*Set
	next    uint64 // where the next module goes
	machine *reloc.Machine
	maps    []*[]byte
	opened  []*Module // every module whose load began
}

// Addresses say where a kernel has its things; zero stands for the
// architecture's usual place.
type Addresses struct {
	Module, Vnet, Pcpu uint64
}

// NewKernel boots a kernel of an architecture.
func NewKernel(a *arch.Arch, p *profile.Profile, at Addresses) *Kernel {
	usual := func(addr *uint64, usual uint64) {
		if *addr == 0 {
			*addr = usual
		}
	}
	usual(&at.Module, a.ModuleBase)
	usual(&at.Vnet, a.VnetBase)
	usual(&at.Pcpu, a.PcpuBase)
	return &Kernel{
		Profile: p,
		Arch:    a,
		spaces: map[string]*Space{
			SetVnet: NewSpace("vnet", at.Vnet, p.VnetPages*a.PageSize, a.PointerSize()),
			SetPcpu: NewSpace("pcpu", at.Pcpu, p.PcpuBytes, a.PointerSize()),
		},
		sets:    map[string][]*Set{},
		next:    at.Module,
		machine: reloc.For(a),
	}
}

// Machine is the relocation code of the kernel's architecture.
func (k *Kernel) Machine() *reloc.Machine { return k.machine }

// Space is the instance space of a set.
func (k *Kernel) Space(set string) *Space { return k.spaces[set] }

// NewModule begins the load of a file.
func (k *Kernel) NewModule(l Loader, f *object.File) *Module {
	name := strings.TrimSuffix(filepath.Base(f.Path), ".ko")
	m := &Module{File: f, Name: name, Loader: l, Trace: *traces.Get().(*[]reloc.Record)}
	k.opened = append(k.opened, m)
	return m
}

// SetLimit bounds the sets of a module, in bytes. A space is a thousand times
// smaller; what is beyond it is refused with the reason, and what is beyond this
// limit makes no sense at all.
const SetLimit = 16 << 20

// Map stakes out size bytes of address space for a module. It fails when the
// addresses that the kernel was booted with leave no room.
func (k *Kernel) Map(m *Module, size uint64) ([]byte, error) {
	last := ^uint64(0)
	if !k.Arch.Is64() {
		last = 1<<32 - 1
	}
	for _, name := range SetNames {
		if s := k.spaces[name]; s.Start > last || s.Size+SetLimit > last-s.Start {
			return nil, m.Unusable("the %s space at %#x ends too close to the end of the address space of %s", s.Name, s.Start, k.Arch)
		}
	}
	if k.next > last || roundUp(size, k.Arch.PageSize)+k.Arch.PageSize > last-k.next {
		return nil, m.Unusable("its %d bytes do not fit in the address space of %s at %#x", size, k.Arch, k.next)
	}
	m.Address, m.Size = k.next, size
	// A page between modules keeps an address one past the end of one from
	// being an address in the next.
	k.next += roundUp(size, k.Arch.PageSize) + k.Arch.PageSize
	buf := maps.Get().(*[]byte)
	*buf = slices.Grow((*buf)[:0], int(size))[:size]
	clear(*buf)
	k.maps = append(k.maps, buf)
	mem := *buf
	m.Memory = append(m.Memory, Region{m.Address, mem})
	return mem, nil
}

// Memory that nobody needs any more: the modules' own, and their traces.
var (
	maps   = sync.Pool{New: func() any { return new([]byte) }}
	traces = sync.Pool{New: func() any { return new([]reloc.Record) }}
)

// Close lets go of all modules, their memory, traces and files; none of them
// may be used any more.
func (k *Kernel) Close() {
	const most = 16 << 20 // do not hold on to what one odd module needed
	for _, buf := range k.maps {
		if cap(*buf) <= most {
			maps.Put(buf)
		}
	}
	for _, m := range k.opened {
		if trace := m.Trace[:0]; cap(trace) <= most/64 {
			traces.Put(&trace)
		}
		m.Trace = nil
		m.File.Close()
	}
	k.maps, k.opened, k.Modules = nil, nil, nil
}

// Number gives a set its number in relocation records.
func (k *Kernel) Number(s *Set) {
	s.Number = int32(len(k.numbers))
	k.numbers = append(k.numbers, s)
}

// SetByNumber finds a set by the number in a record; nil for reloc.NoSet.
func (k *Kernel) SetByNumber(n int32) *Set {
	if n < 0 || int(n) >= len(k.numbers) {
		return nil
	}
	return k.numbers[n]
}

// Allocate gives a set its place in the instance space. When the space is
// exhausted the kernel refuses the module; the dry run then puts the set behind
// the space's end and goes on.
func (k *Kernel) Allocate(m *Module, s *Set, size uint64) {
	space := k.spaces[s.Name]
	base, ok := space.Alloc(m.Name, size)
	if !ok {
		total, longest := space.Left()
		detail := fmt.Sprintf("the %s space for modules holds %d bytes; %d are left, %d of them in one piece, and %s needs %d",
			space.Name, space.Size, total, longest, s.Name, roundUp(size, space.Align))
		for _, u := range space.byModule() {
			detail += fmt.Sprintf("; %s has %d", u.Module, u.Size)
		}
		m.Problem(Problem{Rule: RuleSetSpaceExhausted, Refuses: true, Set: s.Name, Detail: detail})
		base = space.Start + space.Size
	}
	s.Base, s.Allocated = base, size
}

// AddSet is elf_set_add: from now on references to the set from any module are
// rewritten.
func (k *Kernel) AddSet(s *Set) {
	list := k.sets[s.Name]
	i, _ := slices.BinarySearchFunc(list, s.Start, func(e *Set, start uint64) int {
		if e.Start <= start {
			return -1
		}
		return 1
	})
	k.sets[s.Name] = slices.Insert(list, i, s)
}

// FindSet is elf_set_find over both lists, in the order of elf_lookup: the set
// of any module that an address lies in.
func (k *Kernel) FindSet(addr uint64) *Set {
	for _, name := range SetNames {
		for _, s := range k.sets[name] {
			if addr < s.Start {
				break
			}
			if addr < s.Stop {
				return s
			}
		}
	}
	return nil
}

// SetHolding finds the set of any module whose template an address lies in.
func (k *Kernel) SetHolding(addr uint64) *Set {
	for _, s := range k.numbers {
		if s.Base != 0 && addr >= s.Base && addr-s.Base < s.Allocated {
			return s
		}
	}
	return nil
}

// Loaded adds a module to the kernel's list.
func (k *Kernel) Loaded(m *Module) { k.Modules = append(k.Modules, m) }

// Unload takes a module out again and gives its space back
// (link_elf_unload_file).
func (k *Kernel) Unload(m *Module) error {
	for _, other := range k.Modules {
		if other != m && slices.Contains(other.deps, m) {
			return fmt.Errorf("%s cannot be unloaded: %s depends on it", m.Name, other.Name)
		}
	}
	for _, s := range m.Sets {
		if s.Allocated > 0 {
			k.spaces[s.Name].Free(s.Base)
		}
		k.sets[s.Name] = slices.DeleteFunc(k.sets[s.Name], func(e *Set) bool { return e == s })
	}
	k.Modules = slices.DeleteFunc(k.Modules, func(e *Module) bool { return e == m })
	return nil
}

// Lookup is linker_file_lookup_symbol for a module that does not define the
// symbol itself: the kernel's symbols, then those of the modules it declares to
// depend on. Assumed is true when nothing is known of the symbol because the
// kernel's symbols are not known.
func (k *Kernel) Lookup(m *Module, name string) (addr uint64, assumed, ok bool) {
	if addr, ok := k.Symbols.Lookup(name); ok {
		return addr, false, true
	}
	for _, dep := range m.deps {
		if addr, ok := dep.Find(name); ok {
			return addr, false, true
		}
	}
	if addr, ok := k.Extra.Lookup(name); ok {
		return addr, false, true
	}
	return 0, true, k.Symbols == nil
}

// Definer names a loaded module that defines a symbol but that m does not
// declare to depend on; it is empty when there is none.
func (k *Kernel) Definer(m *Module, name string) string {
	for _, other := range k.Modules {
		if other == m || slices.Contains(m.deps, other) {
			continue
		}
		if _, ok := other.Find(name); ok {
			return other.Name
		}
	}
	return ""
}
