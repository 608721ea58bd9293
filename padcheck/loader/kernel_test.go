package loader_test

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelf"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

func bootFor(t *testing.T, name, release string, at loader.Addresses) *loader.Kernel {
	t.Helper()
	a, err := arch.ByName(name)
	require.NoError(t, err)
	p, err := profile.Parse(release)
	require.NoError(t, err)
	return loader.NewKernel(a, p, at)
}

func openWitness(t *testing.T, name string) *object.File {
	t.Helper()
	f, err := object.Open(filepath.Join(witnessDir, name, "mix.ko"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// TestFindSet is elf_set_find: a set holds what is at or above its start and
// below its stop, whatever the order in which sets were added.
func TestFindSet(t *testing.T) {
	k := bootFor(t, "i386", "15.0", loader.Addresses{})
	low := &loader.Set{Name: loader.SetVnet, Start: 0x1000, Stop: 0x1040}
	high := &loader.Set{Name: loader.SetVnet, Start: 0x2000, Stop: 0x2008}
	touching := &loader.Set{Name: loader.SetVnet, Start: 0x1040, Stop: 0x1044}
	pcpu := &loader.Set{Name: loader.SetPcpu, Start: 0x3000, Stop: 0x3004}
	empty := &loader.Set{Name: loader.SetVnet, Start: 0x4000, Stop: 0x4000}
	for _, s := range []*loader.Set{high, pcpu, touching, empty, low} {
		k.AddSet(s)
	}
	for addr, want := range map[uint64]*loader.Set{
		0: nil, 0xfff: nil, 0x1000: low, 0x103f: low,
		0x1040: touching, 0x1043: touching, 0x1044: nil,
		0x1fff: nil, 0x2000: high, 0x2007: high, 0x2008: nil,
		0x2fff: nil, 0x3000: pcpu, 0x3003: pcpu, 0x3004: nil,
		0x4000: nil, ^uint64(0): nil,
	} {
		require.Same(t, want, k.FindSet(addr), "%#x", addr)
	}
}

// TestSetHolding finds the template that an address of the instance area is in.
func TestSetHolding(t *testing.T) {
	k := bootFor(t, "i386", "15.0", loader.Addresses{})
	m := k.NewModule(linkelf.Loader{}, &object.File{Path: "a.ko", Arch: k.Arch})
	s := &loader.Set{Name: loader.SetVnet, Module: m}
	k.Number(s)
	require.Nil(t, k.SetHolding(0), "a set without a base holds nothing")
	k.Allocate(m, s, 10)
	require.Equal(t, k.Arch.VnetBase, s.Base)
	require.Nil(t, k.SetHolding(s.Base-1))
	require.Same(t, s, k.SetHolding(s.Base))
	require.Same(t, s, k.SetHolding(s.Base+9))
	require.Nil(t, k.SetHolding(s.Base+10))
	require.Nil(t, k.SetByNumber(-1))
	require.Nil(t, k.SetByNumber(1))
}

// TestExhausted says who uses how much when a set does not fit.
func TestExhausted(t *testing.T) {
	k := bootFor(t, "i386", "15.0", loader.Addresses{})
	allocate := func(name string, size uint64) *loader.Module {
		m := k.NewModule(linkelf.Loader{}, &object.File{Path: name + ".ko", Arch: k.Arch})
		k.Allocate(m, &loader.Set{Name: loader.SetPcpu, Module: m}, size)
		return m
	}
	require.Empty(t, allocate("big", 2000).Problems)
	require.Empty(t, allocate("small", 20).Problems)
	require.Empty(t, allocate("big", 1).Problems) // rounded up to 4
	m := allocate("late", 26)                     // rounded up to 28; 24 are left
	require.Len(t, m.Problems, 1)
	p := m.Problems[0]
	require.Equal(t, loader.RuleSetSpaceExhausted, p.Rule)
	require.True(t, p.Refuses)
	require.Equal(t, "the pcpu space for modules holds 2048 bytes; 24 are left, 24 of them in one piece, and set_pcpu needs 28; big has 2004; small has 20", p.Detail)
}

// TestUnload gives the space back, forgets the sets, and refuses while another
// module depends on it.
func TestUnload(t *testing.T) {
	for _, name := range []string{"i386", "amd64"} {
		t.Run(name, func(t *testing.T) {
			k := bootFor(t, name, "15.0", loader.Addresses{})
			a := load(t, k, openWitness(t, name))
			b := load(t, k, openWitness(t, name))
			require.Len(t, k.Modules, 2)
			require.Greater(t, b.Address, a.Address+a.Size, "nothing may begin where a module ends")
			for _, set := range loader.SetNames {
				left, _ := k.Space(set).Left()
				rounded := func(s *loader.Set) uint64 {
					return (s.Allocated + k.Arch.PointerSize() - 1) / k.Arch.PointerSize() * k.Arch.PointerSize()
				}
				require.Equal(t, k.Space(set).Size-rounded(a.Set(set))-rounded(b.Set(set)), left)
				require.Equal(t, a.Set(set).Base+rounded(a.Set(set)), b.Set(set).Base)
			}
			freed := a.Set(loader.SetVnet)
			require.NoError(t, k.Unload(a))
			require.Equal(t, []*loader.Module{b}, k.Modules)
			require.Nil(t, k.FindSet(freed.Start), "references to it are rewritten no more")
			c := load(t, k, openWitness(t, name))
			require.Equal(t, freed.Base, c.Set(loader.SetVnet).Base, "the first fit is what was given back")
			require.NoError(t, k.Unload(b))
			require.NoError(t, k.Unload(c))
			for _, set := range loader.SetNames {
				left, longest := k.Space(set).Left()
				require.Equal(t, k.Space(set).Size, left)
				require.Equal(t, left, longest)
			}
		})
	}
}

// TestNoRoom refuses addresses at which a module or a space would run over the
// end of the address space.
func TestNoRoom(t *testing.T) {
	for _, c := range []struct {
		arch string
		at   loader.Addresses
		err  string
	}{
		{"i386", loader.Addresses{Module: 0xfffff000}, "bytes do not fit in the address space of i386 at 0xfffff000"},
		{"i386", loader.Addresses{Module: 0x1_00000000}, "bytes do not fit in the address space of i386 at 0x100000000"},
		{"i386", loader.Addresses{Vnet: 0xfffffff0}, "the vnet space at 0xfffffff0 ends too close to the end of the address space"},
		{"i386", loader.Addresses{Pcpu: 0x1_00000000}, "the pcpu space at 0x100000000 ends too close to the end of the address space"},
		{"amd64", loader.Addresses{Module: ^uint64(0)}, "bytes do not fit in the address space of amd64 at 0xffffffffffffffff"},
		{"amd64", loader.Addresses{Vnet: ^uint64(0)}, "the vnet space at 0xffffffffffffffff ends too close"},
	} {
		f := openWitness(t, c.arch)
		k := bootFor(t, c.arch, "15.0", c.at)
		_, err := loaderOf(t, f).Load(k, f)
		require.ErrorContains(t, err, c.err)
		require.ErrorContains(t, err, f.Path+": ")
		require.Empty(t, k.Modules)
	}
}

// metadata lays out what set_modmetadata_set points to, as
// <sys/module.h> does, in a module's memory at 0x10000.
type metadata struct {
	a    *arch.Arch
	mem  []byte
	ptrs []uint64 // the set
}

const metadataAt = 0x10000

func (d *metadata) put(words ...int32) uint64 {
	at := metadataAt + uint64(len(d.mem))
	for _, w := range words {
		d.word(4, uint64(uint32(w)))
	}
	return at
}

// word adds a word of so many bytes.
func (d *metadata) word(size int, v uint64) {
	b := make([]byte, size)
	if size == 8 {
		d.a.Order.PutUint64(b, v)
	} else {
		d.a.Order.PutUint32(b, uint32(v))
	}
	d.mem = append(d.mem, b...)
}

func (d *metadata) pointers(ptrs ...uint64) uint64 {
	at := metadataAt + uint64(len(d.mem))
	for _, p := range ptrs {
		d.word(int(d.a.PointerSize()), p)
	}
	return at
}

func (d *metadata) text(s string) uint64 {
	at := metadataAt + uint64(len(d.mem))
	d.mem = append(d.mem, s...)
	d.mem = append(d.mem, make([]byte, 8-len(s)%8)...)
	return at
}

// record adds a struct mod_metadata to the set.
func (d *metadata) record(typ int32, data, name uint64) {
	at := d.put(1, typ)
	d.pointers(data, name)
	d.ptrs = append(d.ptrs, at)
}

func (d *metadata) depend(name string, lo, preferred, hi int32) {
	data, text := d.put(lo, preferred, hi, 0), d.text(name)
	d.record(1, data, text)
}

func (d *metadata) version(name string, v int32) {
	data, text := d.put(v, 0), d.text(name)
	d.record(3, data, text)
}

// read makes a module of the records and lets it read them.
func (d *metadata) read(k *loader.Kernel, name string) *loader.Module {
	start := d.pointers(d.ptrs...)
	stop := metadataAt + uint64(len(d.mem))
	m := k.NewModule(linkelf.Loader{}, &object.File{Path: name + ".ko", Arch: d.a})
	m.Address, m.Size = metadataAt, uint64(len(d.mem))
	m.Memory = []loader.Region{{Addr: metadataAt, Data: d.mem}}
	m.Find = func(symbol string) (uint64, bool) { return m.Address, symbol == "symbol_of_"+name }
	m.ReadMetadata(start, stop)
	return m
}

func TestReadMetadata(t *testing.T) {
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			k := bootFor(t, a.Name, "15.0", loader.Addresses{})
			d := &metadata{a: a}
			d.depend("kernel", 1500000, 1500068, 1599999)
			d.version("ours", 3)
			d.record(2, d.put(0, 0), d.text("ours/init"))
			d.record(4, d.put(0, 0), d.text("pnp information"))
			d.depend("-negative", -5, -1, 7)
			m := d.read(k, "ours")
			require.Equal(t, loader.Metadata{
				Modules:  []string{"ours/init"},
				Versions: []loader.Version{{Module: "ours", Version: 3}},
				Depends: []loader.Dependency{
					{Module: "kernel", Minimum: 1500000, Preferred: 1500068, Maximum: 1599999},
					{Module: "-negative", Minimum: -5, Preferred: -1, Maximum: 7},
				},
			}, m.Metadata)
		})
	}
}

// TestReadMetadataDamaged leaves out records whose pointers lead nowhere: those
// of a pointer that was not relocated, and whatever someone made up.
func TestReadMetadataDamaged(t *testing.T) {
	a, err := arch.ByName("i386")
	require.NoError(t, err)
	k := bootFor(t, "i386", "15.0", loader.Addresses{})
	d := &metadata{a: a}
	d.ptrs = append(d.ptrs, 0, 0x40, 0xffffffff, metadataAt-1) // not relocated, wild, before the module
	d.record(1, 0xfffffff0, d.text("wild data"))
	d.record(3, 0, d.text("no data"))
	d.record(3, d.put(1, 0), 0)          // no name
	d.record(3, d.put(1, 0), 0xfffffffe) // a wild name
	d.record(99, d.put(1, 0), d.text("unknown type"))
	d.record(3, d.put(1, 0), d.text(string(make([]byte, 8)))) // an empty name
	self := metadataAt + uint64(len(d.mem))
	d.record(3, self, self) // a record that is its own data and name
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'x'
	}
	d.record(3, d.put(1, 0), d.text(string(long))) // no end within 256 bytes
	d.version("last", 9)
	d.ptrs = append(d.ptrs, d.ptrs[len(d.ptrs)-1]) // the same once more
	m := d.read(k, "damaged")
	require.Empty(t, m.Metadata.Depends)
	require.Contains(t, m.Metadata.Versions, loader.Version{Module: "last", Version: 9})
	for _, v := range m.Metadata.Versions {
		require.NotContains(t, []string{"no data", "unknown type", "", string(long)}, v.Module)
	}

	// Bounds that lead out of the module, or are turned around, read nothing
	// and come to an end.
	for _, b := range [][2]uint64{{metadataAt + 64, metadataAt}, {0, ^uint64(0)}, {^uint64(0) - 3, ^uint64(0)}, {metadataAt, metadataAt + 1<<40}, {metadataAt, metadataAt + 3}} {
		m.Metadata = loader.Metadata{}
		m.ReadMetadata(b[0], b[1])
		require.Empty(t, m.Metadata.Versions, "%#x to %#x", b[0], b[1])
	}

	// A set that ends in the middle of a pointer has no pointer there.
	d = &metadata{a: a}
	d.version("cut", 1)
	m = d.read(k, "cut")
	require.Len(t, m.Metadata.Versions, 1)
	m.Metadata = loader.Metadata{}
	end := metadataAt + uint64(len(d.mem))
	m.ReadMetadata(end-4, end-1)
	require.Empty(t, m.Metadata)

	// A record at the very end of the memory is cut off.
	d = &metadata{a: a}
	d.ptrs = []uint64{metadataAt + 4}
	require.Empty(t, d.read(k, "short").Metadata)
}

// TestLoadDependencies is modlist_lookup2: the preferred version, else the
// highest in the range.
func TestLoadDependencies(t *testing.T) {
	const missing, version = loader.RuleMissingDependency, loader.RuleDependencyVersion
	type dep struct{ lo, preferred, hi int32 }
	for _, c := range []struct {
		name     string
		loaded   []int32 // versions of base that modules base0, base1... provide
		want     dep
		provider string // the module whose symbols are seen then
		rule     string
		refuses  bool
		detail   string
	}{
		{name: "not there", want: dep{1, 1, 1}, rule: missing, detail: "base in version 1 to 1, which no module loaded before provides"},
		{name: "the version", loaded: []int32{1}, want: dep{1, 1, 1}, provider: "base0"},
		{name: "too old", loaded: []int32{1}, want: dep{2, 2, 3}, rule: version, refuses: true, detail: "base in version 2 to 3, and version 1 is loaded"},
		{name: "too new", loaded: []int32{4}, want: dep{2, 2, 3}, rule: version, refuses: true, detail: "base in version 2 to 3, and version 4 is loaded"},
		{name: "the lower bound", loaded: []int32{2}, want: dep{2, 9, 3}, provider: "base0"},
		{name: "the upper bound", loaded: []int32{3}, want: dep{2, 9, 3}, provider: "base0"},
		{name: "the highest in the range", loaded: []int32{2, 5, 4, 9}, want: dep{1, 7, 8}, provider: "base1"},
		{name: "the preferred before a higher one", loaded: []int32{5, 3}, want: dep{1, 3, 8}, provider: "base1"},
		{name: "the preferred outside of the range", loaded: []int32{9}, want: dep{1, 9, 2}, provider: "base0"},
		{name: "a range turned around", loaded: []int32{2}, want: dep{3, 3, 1}, rule: version, refuses: true, detail: "base in version 3 to 1, and version 2 is loaded"},
		{name: "negative versions", loaded: []int32{-3, -2}, want: dep{-4, 0, -1}, provider: "base1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := bootFor(t, "amd64", "15.0", loader.Addresses{})
			k.Symbols = &loader.Symbols{} // a kernel without a symbol
			for i, v := range c.loaded {
				d := &metadata{a: k.Arch}
				d.version("base", v)
				k.Loaded(d.read(k, fmt.Sprintf("base%d", i)))
			}
			d := &metadata{a: k.Arch}
			d.depend("base", c.want.lo, c.want.preferred, c.want.hi)
			m := d.read(k, "user")
			k.LoadDependencies(m)
			if c.rule == "" {
				require.Empty(t, m.Problems)
			} else {
				require.Len(t, m.Problems, 1)
				require.Equal(t, c.rule, m.Problems[0].Rule)
				require.Equal(t, c.refuses, m.Problems[0].Refuses)
				require.Equal(t, "it depends on "+c.detail, m.Problems[0].Detail)
			}
			for i := range c.loaded {
				name := fmt.Sprintf("base%d", i)
				_, _, ok := k.Lookup(m, "symbol_of_"+name)
				require.Equal(t, name == c.provider, ok, "symbols of %s", name)
				if name != c.provider {
					require.Equal(t, name, k.Definer(m, "symbol_of_"+name))
				}
			}
		})
	}
}

// TestProblemsPrintable keeps a name from the file from writing to the
// terminal.
func TestProblemsPrintable(t *testing.T) {
	k := bootFor(t, "amd64", "15.0", loader.Addresses{})
	d := &metadata{a: k.Arch}
	d.depend("base\x1b[2J\n", 1, 1, 1)
	m := d.read(k, "user")
	k.LoadDependencies(m)
	require.Len(t, m.Problems, 1)
	require.Equal(t, `it depends on base\x1b[2J\n in version 1 to 1, which no module loaded before provides`, m.Problems[0].Detail)
}

// TestRelocaddr points the one relative relocation of a module at both ends of
// its set, from either side. The address one past the end is not rewritten,
// although that is what a loop over an array that ends the set compares with.
func TestRelocaddr(t *testing.T) {
	const base, vnet = 0x20000000, 0x30000000
	data, err := os.ReadFile(filepath.Join(witnessDir, "i386", "mix.ko"))
	require.NoError(t, err)
	parse := func() *object.File {
		f, err := object.Parse("mix.ko", data)
		require.NoError(t, err)
		return f
	}
	set := *parse().Section(loader.SetVnet)
	for _, c := range []struct {
		target, want uint64
		set          bool
	}{
		{set.Addr - 1, base + set.Addr - 1, false},
		{set.Addr, vnet, true},
		{set.Addr + set.Size - 1, vnet + set.Size - 1, true},
		{set.Addr + set.Size, base + set.Addr + set.Size, false},
	} {
		f := parse()
		table, err := f.Relocations(f.Section(".rel.dyn"))
		require.NoError(t, err)
		place := uint64(0)
		for i := range table.Len {
			if r := table.At(i); r.Type == 8 { // R_386_RELATIVE: the addend is at the place
				place = r.Offset
			}
		}
		require.NotZero(t, place)
		for i := range f.Segments {
			if s := &f.Segments[i]; s.Type == elf.PT_LOAD && place >= s.VAddr && place-s.VAddr < s.Filesz {
				f.Arch.Order.PutUint32(data[s.Offset+place-s.VAddr:], uint32(c.target))
			}
		}
		k := bootFor(t, "i386", "12.1", loader.Addresses{Module: base, Vnet: vnet})
		m := load(t, k, parse())
		var record *reloc.Record
		for i := range m.Trace {
			if m.Trace[i].P == base+place {
				record = &m.Trace[i]
			}
		}
		require.NotNil(t, record)
		require.Equal(t, reloc.Local, record.Pass)
		require.Equal(t, fmt.Sprintf("%#x", c.want), fmt.Sprintf("%#x", record.After), "of %#x", c.target)
		require.Equal(t, c.set, record.Set != reloc.NoSet)
	}
}

// TestPadding is what parse_vnet makes of the padding word: 12 knows nothing of
// it, and later kernels refuse a set without it and ignore one that is nothing
// else.
func TestPadding(t *testing.T) {
	for _, c := range []struct {
		name      string
		size      uint64
		word      uint32
		release   string
		allocated uint64
		refused   bool
	}{
		{"padded", 64, 0x90909090, "15.0", 64, false},
		{"padded for 12", 64, 0x90909090, "12.1", 64, false},
		{"not padded", 64, 0x11111111, "13.0", 64, true},
		{"not padded for 12", 64, 0x11111111, "12.1", 64, false},
		{"nothing but padding", 4, 0x90909090, "15.0", 0, false},
		{"nothing but padding for 12", 4, 0x90909090, "12.1", 4, false},
		{"eight bytes", 8, 0x90909090, "15.0", 8, false},
		{"a word that is no padding", 4, 0x90909091, "15.0", 4, true},
		{"too small for the word", 3, 0x90909090, "15.0", 3, true},
		{"nothing", 0, 0x90909090, "15.0", 0, false},
		// 12 counts in pointers, and forgets what is left of the last one.
		{"an odd size for 12", 6, 0x90909090, "12.1", 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(witnessDir, "i386", "mix.ko"))
			require.NoError(t, err)
			f, err := object.Parse("mix.ko", data)
			require.NoError(t, err)
			set := f.Section(loader.SetVnet)
			f.Arch.Order.PutUint32(data[set.Offset+set.Size-4:], c.word)
			symbols, err := f.Symbols(elf.SHT_DYNSYM)
			require.NoError(t, err)
			for i := range uint32(symbols.Len) {
				if symbols.NameOf(i) == "__start_set_vnet" {
					at := f.Section(".dynsym").Offset + uint64(i)*f.SymbolSize() + 4 // st_value
					f.Arch.Order.PutUint32(data[at:], uint32(set.Addr+set.Size-c.size))
				}
			}
			m := load(t, bootFor(t, "i386", c.release, loader.Addresses{}), f)
			require.Equal(t, c.size, m.Set(loader.SetVnet).Size())
			require.Equal(t, c.allocated, m.Set(loader.SetVnet).Allocated)
			require.Len(t, m.Set(loader.SetVnet).Template, int(c.allocated))
			refused := false
			for _, p := range m.Problems {
				refused = refused || p.Set == loader.SetVnet && p.Rule == loader.RuleMissingSentinel && p.Refuses
			}
			require.Equal(t, c.refused, refused)
		})
	}
}

// TestDependenciesOfItself finds what a module provides itself before it looks
// elsewhere, and the kernel's own version by profile.
func TestDependenciesOfItself(t *testing.T) {
	k := bootFor(t, "amd64", "14.0", loader.Addresses{})
	d := &metadata{a: k.Arch}
	d.version("own", 1)
	d.depend("own", 7, 7, 7) // the kernel does not compare here
	d.depend("kernel", 1400000, 1400097, 1499999)
	d.depend("kernel", 1400097, 1400097, 1400097)
	d.depend("kernel", 0, 1400097, 0) // the preferred version always does
	m := d.read(k, "m")
	k.LoadDependencies(m)
	require.Empty(t, m.Problems)

	d = &metadata{a: k.Arch}
	d.depend("kernel", 1500000, 1500068, 1599999)
	m = d.read(k, "newer")
	k.LoadDependencies(m)
	require.Len(t, m.Problems, 1)
	require.Equal(t, "it was built for kernels of version 1500000 to 1599999, and FreeBSD 14.0 is 1400097", m.Problems[0].Detail)
}

// TestNoTransitiveDependencies keeps to what the module itself declares: the
// kernel does not look further.
func TestNoTransitiveDependencies(t *testing.T) {
	k := bootFor(t, "amd64", "15.0", loader.Addresses{})
	k.Symbols = &loader.Symbols{}
	base := &metadata{a: k.Arch}
	base.version("base", 1)
	b := base.read(k, "base")
	k.Loaded(b)
	middle := &metadata{a: k.Arch}
	middle.version("middle", 1)
	middle.depend("base", 1, 1, 1)
	mid := middle.read(k, "middle")
	k.LoadDependencies(mid)
	k.Loaded(mid)
	user := &metadata{a: k.Arch}
	user.depend("middle", 1, 1, 1)
	m := user.read(k, "user")
	k.LoadDependencies(m)
	k.Loaded(m)

	addr, assumed, ok := k.Lookup(m, "symbol_of_middle")
	require.True(t, ok)
	require.False(t, assumed)
	require.EqualValues(t, metadataAt, addr)
	_, _, ok = k.Lookup(m, "symbol_of_base")
	require.False(t, ok)
	require.Equal(t, "base", k.Definer(m, "symbol_of_base"))
	require.Empty(t, k.Definer(m, "symbol_of_middle"))

	require.EqualError(t, k.Unload(b), "base cannot be unloaded: middle depends on it")
	require.EqualError(t, k.Unload(mid), "middle cannot be unloaded: user depends on it")
	require.NoError(t, k.Unload(m))
	require.NoError(t, k.Unload(mid))
	require.NoError(t, k.Unload(b))

	k.Symbols = nil // an unknown kernel has every symbol
	_, assumed, ok = k.Lookup(m, "printf")
	require.True(t, ok)
	require.True(t, assumed)
}

// TestRead returns memory that lies in one region as a whole, and no other.
func TestRead(t *testing.T) {
	m := &loader.Module{Memory: []loader.Region{{Addr: 0x1000, Data: []byte{1, 2, 3, 4}}, {Addr: ^uint64(0) - 1, Data: []byte{5, 6}}}}
	require.Equal(t, []byte{2, 3}, m.Read(0x1001, 2))
	require.Equal(t, 2, cap(m.Read(0x1001, 2)), "appending must not write to the module")
	require.Equal(t, []byte{5, 6}, m.Read(^uint64(0)-1, 2))
	for _, r := range [][2]uint64{{0xfff, 2}, {0x1003, 2}, {0x1005, 1}, {0x1001, ^uint64(0)}, {^uint64(0), 2}, {0, 1}} {
		require.Nil(t, m.Read(r[0], r[1]), "%#x, %d bytes", r[0], r[1])
	}
}
