package linkelf

import (
	"debug/elf"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// hashTable is DT_HASH: the number of buckets and of chains, the buckets, and
// the chains, 32 bit words all (System V gABI, "Hash Table").
type hashTable struct {
	order   interface{ Uint32([]byte) uint32 }
	buckets []byte
	chains  []byte
}

func (h *hashTable) nbuckets() uint32 { return uint32(len(h.buckets) / 4) }
func (h *hashTable) nchains() uint32  { return uint32(len(h.chains) / 4) }

func (h *hashTable) bucket(i uint32) uint32 { return h.order.Uint32(h.buckets[4*i:]) }
func (h *hashTable) chain(i uint32) uint32  { return h.order.Uint32(h.chains[4*i:]) }

func (ef *file) parseHash(tags map[elf.DynTag]uint64) error {
	ef.hash.order = ef.order
	addr, ok := tags[elf.DT_HASH]
	if !ok {
		detail := "it has no DT_HASH, and the kernel finds neither its sets nor its metadata nor any of its symbols"
		if _, gnu := tags[elf.DT_GNU_HASH]; gnu {
			detail += "; DT_GNU_HASH is unknown to it"
		}
		ef.Problem(loader.Problem{Rule: loader.RuleNoHashTable, Refuses: true, Detail: detail})
		return ef.countSymbols(tags)
	}
	head, err := ef.at(addr, 8, "the symbol hash table")
	if err != nil {
		return err
	}
	nbuckets, nchains := uint64(ef.order.Uint32(head)), uint64(ef.order.Uint32(head[4:]))
	if nbuckets == 0 {
		ef.Problem(loader.Problem{Rule: loader.RuleNoHashTable, Refuses: true,
			Detail: "its DT_HASH has no buckets, and the kernel finds neither its sets nor its metadata nor any of its symbols"})
	}
	words, err := ef.tableAt(addr+8, 4*(nbuckets+nchains), "the symbol hash table")
	if err != nil {
		return err
	}
	ef.hash.buckets, ef.hash.chains = words[:4*nbuckets], words[4*nbuckets:]
	return nil
}

// countSymbols stands in for nchains where there is no hash table: the kernel
// would resolve nothing, but the trace can still name symbols. The number is
// that of the section, if there is one.
func (ef *file) countSymbols(tags map[elf.DynTag]uint64) error {
	for i := range ef.File.Sections {
		s := &ef.File.Sections[i]
		if s.Type == elf.SHT_DYNSYM && s.Addr == tags[elf.DT_SYMTAB] {
			n := s.Size / ef.File.SymbolSize()
			if n <= uint64(len(ef.mem)) {
				ef.hash.chains = make([]byte, 4*n)
			}
		}
	}
	return nil
}

// elfHash is the hash function of the System V gABI.
func elfHash(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		g := h & 0xf0000000
		h ^= g >> 24
		h &^= g
	}
	return h
}

// lookupSymbol is the hashed part of link_elf_lookup_symbol. The kernel follows
// a chain without counting, so a loop in it would hang kldload.
func (ef *file) lookupSymbol(name string) (sym object.Symbol, ok bool, err error) {
	if ef.hash.nbuckets() == 0 {
		return sym, false, nil
	}
	n := ef.hash.bucket(elfHash(name) % ef.hash.nbuckets())
	for steps := uint32(0); n != 0; steps++ {
		if n >= ef.hash.nchains() {
			return sym, false, nil // "corrupt symbol table"
		}
		if steps > ef.hash.nchains() {
			return sym, false, ef.Unusable("a chain of the symbol hash table is a loop; kldload would never return")
		}
		s := ef.symbols.At(n)
		if ef.symbols.Named(s, name) {
			return s, visible(s), nil
		}
		n = ef.hash.chain(n)
	}
	return sym, false, nil
}

// visible is link_elf_lookup_symbol's idea of a definition.
func visible(s object.Symbol) bool {
	return s.Defined() || s.Value != 0 && (s.Type() == elf.STT_FUNC || s.Type() == elf.STT_GNU_IFUNC)
}

// lookupSet is link_elf_lookup_set: the addresses of __start_NAME and
// __stop_NAME.
func (ef *file) lookupSet(name string) (start, stop uint64, ok bool, err error) {
	a, ok, err := ef.lookupSymbol("__start_" + name)
	if err != nil || !ok {
		return 0, 0, false, err
	}
	z, ok, err := ef.lookupSymbol("__stop_" + name)
	if err != nil || !ok {
		return 0, 0, false, err
	}
	return ef.Address + a.Value, ef.Address + z.Value, true, nil
}

// resolution remembers what elf_lookup made of a symbol, since a table may name
// it a million times.
type resolution struct {
	state   int8 // 0: not yet looked up
	assumed bool
	set     int32
	x, s    uint64
}

const (
	found int8 = iota + 1
	missing
)

// Lookup is elf_lookup. A symbol that lies in a set of any loaded module is
// rewritten here, by its own address: an addend comes after.
func (ef *file) Lookup(o *reloc.Op) bool {
	if o.Symbol >= uint32(len(ef.resolved)) {
		return false
	}
	r := &ef.resolved[o.Symbol]
	if r.state == 0 {
		*r = ef.resolve(o.Symbol)
	}
	if r.state == missing {
		return false
	}
	o.S, o.X, o.Set, o.Assumed = r.s, r.x, r.set, r.assumed
	return true
}

func (ef *file) resolve(n uint32) resolution {
	sym := ef.symbols.At(n)
	if sym.Bind() == elf.STB_LOCAL {
		if !sym.Defined() || sym.Value == 0 {
			return resolution{state: missing}
		}
		x := ef.Address + sym.Value
		return resolution{state: found, set: reloc.NoSet, x: x, s: x}
	}
	name := ef.symbols.Name(sym)
	if name == "" {
		return resolution{state: missing}
	}
	addr, assumed, ok := ef.lookupGlobal(name)
	if !ok || addr == 0 && !assumed {
		if sym.Bind() != elf.STB_WEAK {
			return resolution{state: missing}
		}
		addr = 0
	}
	if !ef.File.Arch.Is64() {
		addr &= 0xffffffff
	}
	r := resolution{state: found, assumed: assumed, set: reloc.NoSet, x: addr, s: addr}
	if set := ef.kernel.FindSet(addr); set != nil && !assumed {
		r.set, r.s = set.Number, addr-set.Start+set.Base
	}
	return r
}

// lookupGlobal is linker_file_lookup_symbol: the file itself, then the kernel
// and the files it depends on.
func (ef *file) lookupGlobal(name string) (addr uint64, assumed, ok bool) {
	if sym, ok, err := ef.lookupSymbol(name); err == nil && ok {
		return ef.Address + sym.Value, false, true
	}
	return ef.kernel.Lookup(ef.Module, name)
}

// Relocaddr is elf_relocaddr: start <= x < stop, the module's own sets only.
func (ef *file) Relocaddr(o *reloc.Op, x uint64) uint64 {
	if o.Set == reloc.NoSet { // else powerpc's lookup has found the symbol in one
		o.X = x
	}
	for _, s := range ef.Sets {
		if x >= s.Start && x < s.Stop {
			o.X, o.Set = x, s.Number
			return x - s.Start + s.Base
		}
	}
	return x
}

// fullTable is the file's whole symbol table, which link_elf_lookup_symbol
// searches when other modules ask, after the hash table: the first symbol of
// the name counts, local ones included.
type fullTable struct {
	symbols *object.Symbols
	first   map[string]uint32
}

// find is link_elf_lookup_symbol and link_elf_symbol_values as other modules
// see them once the file is loaded.
func (ef *file) find(name string) (uint64, bool) {
	if sym, ok, err := ef.lookupSymbol(name); err != nil {
		return 0, false
	} else if ok {
		return ef.Address + sym.Value, true
	}
	if ef.full == nil {
		ef.full = &fullTable{first: map[string]uint32{}}
		if t, err := ef.File.Symbols(elf.SHT_SYMTAB); err == nil {
			ef.full.symbols = t
			for i := range uint32(t.Len) {
				if n := t.Name(t.At(i)); n != "" {
					if _, known := ef.full.first[n]; !known {
						ef.full.first[strings.Clone(n)] = i
					}
				}
			}
		}
	}
	i, ok := ef.full.first[name]
	if !ok {
		return 0, false
	}
	sym := ef.full.symbols.At(i)
	return ef.Address + sym.Value, visible(sym)
}
