// Package reloc is the relocation core: it applies relocations to memory as a
// kernel's own linker does, and says what it did.
//
// One file an architecture. Each opens with what is odd about the machine and
// names the ABI document; each relocation is one line in the letters the ABIs
// use:
//
//	S  the address of the symbol, as the kernel's lookup gives it
//	A  the addend, from the table or from the place
//	P  the address of the place
//	B  the base address of the object
//	G  the offset of the symbol's GOT entry
//	L  the address of the symbol's PLT entry
//
// What S is, and which addresses are rewritten because they lie in a set that
// the kernel copies, is the business of a loader, which stands behind
// [Resolver]. A new loader brings a Resolver; a new machine brings a file with
// a [Machine].
package reloc

import (
	"encoding/binary"

	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Status says what became of a relocation.
type Status uint8

const (
	// Applied relocations were written to their place.
	Applied Status = iota
	// Skipped relocations ask for nothing, or belong to another pass.
	Skipped
	// Unknown relocations are of a type that the kernel does not know.
	Unknown
	// Undefined relocations name a symbol that the kernel does not find.
	Undefined
	// Overflow relocations have a value that does not fit in their field.
	Overflow
	// Outside relocations have their place outside the object's memory.
	Outside
)

func (s Status) String() string {
	return [...]string{"applied", "skipped", "unknown type", "undefined symbol", "overflow", "outside the object"}[s]
}

// Pass is the pass of the kernel's linker that applied a relocation.
type Pass uint8

const (
	// Local relocations are applied before dependencies are loaded
	// (link_elf_reloc_local).
	Local Pass = iota
	// Global relocations are applied after (relocate_file).
	Global
	// Ifunc relocations call a resolver function and come last.
	Ifunc
)

func (p Pass) String() string { return [...]string{"local", "global", "ifunc"}[p] }

// NoSet is the set number of an address that no set contains.
const NoSet = -1

// Record is one line of the relocation trace.
type Record struct {
	P      uint64 // address of the place
	S      uint64 // the symbol's address, rewritten if it lies in a set
	A      uint64 // the addend, sign-extended
	X      uint64 // the address that was looked for in the sets
	Before uint64 // the field before, and
	After  uint64 // after
	Type   uint32
	Symbol uint32 // index in the object's symbol table
	// Set is the number of the set that X lies in, or NoSet. The loader
	// numbers the sets.
	Set    int32
	Width  uint8 // of the field, in bytes
	Pass   Pass
	Status Status
	// Assumed says that nothing defines the symbol, and S was taken as zero
	// because the kernel's symbols are not known.
	Assumed bool
}

// Resolver is what a loader knows about symbols and sets.
type Resolver interface {
	// Lookup sets o.S to the address of symbol o.Symbol, rewritten if the
	// kernel rewrites it there, and o.X and o.Set accordingly. It is false
	// when the kernel finds no such symbol.
	Lookup(o *Op) bool
	// Relocaddr is the kernel's elf_relocaddr: the address x, or where it has
	// gone if it lies in a set of the object's own. It sets o.X and o.Set.
	Relocaddr(o *Op, x uint64) uint64
	// Read returns the memory at an address, as long as the object's or
	// another's; nil when there is none.
	Read(addr, n uint64) []byte
}

// Op is one relocation being applied.
type Op struct {
	Record

	B       uint64 // base address of the object
	Flags   uint32 // e_flags of the object
	Profile *profile.Profile

	// Memory is the object's memory from P on.
	Memory []byte
	// Addends says that A came from the table; otherwise the machine's code
	// reads it from the place.
	Addends  bool
	Resolver Resolver
	order    binary.ByteOrder
}

// Machine is the relocation code of one architecture's kernel.
type Machine struct {
	// Arch is the architecture in the one table.
	Arch *arch.Arch
	// ABI names the document whose letters the formulas use.
	ABI string
	// Name names a relocation type, for example R_386_RELATIVE.
	Name func(typ uint32) string
	// Form says what an object's compiler means by a relocation type.
	Form func(typ uint32) Form
	// Irelative is the type that elf_is_ifunc_reloc knows, or zero.
	Irelative uint32
	// cause says what usually makes a toolchain emit a type that the kernel
	// does not know, and what to do; it may be nil.
	cause func(typ uint32) string

	// ignoresUndefined says that the kernel does not notice that the symbol of a
	// relocation of this type is undefined; nil where it always does.
	ignoresUndefined func(typ uint32) bool
	// loadMask says which bits of an instruction tell that it loads from the
	// GOT or the TOC, and how far from the place the 32 bits with them begin;
	// nil where linkers leave such loads alone.
	loadMask func(typ uint32) (delta int64, mask uint32)
	// dropsAddend says that the kernel computes S where the ABI says S + A; nil
	// where it never does.
	dropsAddend func(typ uint32, p *profile.Profile) bool
	// addend reads the addend from the place for tables that carry none; nil
	// when this kernel panics on such a table.
	addend func(o *Op)
	// apply is elf_reloc_local in the local pass and elf_reloc in the others.
	apply func(o *Op)
	// inPlace decodes the addend of an object's relocation from its place
	// (see Form); nil when this architecture's objects carry addends in their
	// tables.
	inPlace func(typ uint32, order binary.ByteOrder, field []byte) (int64, bool)
}

// machines holds the code of every architecture by its name.
var machines = map[string]*Machine{}

// register is called by each architecture's file.
func register(name string, m Machine) *Machine {
	a, err := arch.ByName(name)
	if err != nil {
		panic(err) // a mistake in this package, seen by every test
	}
	m.Arch = a
	machines[name] = &m
	return &m
}

// For returns the relocation code of an architecture; nil when there is none.
func For(a *arch.Arch) *Machine { return machines[a.Name] }

// CauseOf says what usually makes a toolchain emit a relocation type that the
// kernel does not know, and what to do about it; it may be empty.
func (m *Machine) CauseOf(typ uint32) string {
	if m.cause == nil {
		return ""
	}
	return m.cause(typ)
}

// IgnoresUndefined says that the kernel loads a module although the symbol of a
// relocation of this type is undefined, and writes zero.
func (m *Machine) IgnoresUndefined(typ uint32) bool {
	return m.ignoresUndefined != nil && m.ignoresUndefined(typ)
}

// DropsAddend says that the kernel of a profile computed S where the ABI says
// S + A, and that it makes a difference.
func (m *Machine) DropsAddend(r *Record, p *profile.Profile) bool {
	return r.A != 0 && m.dropsAddend != nil && m.dropsAddend(r.Type, p)
}

// TablesWithoutAddends says whether the kernel accepts DT_REL and SHT_REL.
func (m *Machine) TablesWithoutAddends() bool { return m.addend != nil }

// Apply applies one relocation. The caller has filled in the letters it knows
// (P, B, and A when the table carries addends), the type and the symbol, the
// pass, and the memory; Apply adds the rest.
func (m *Machine) Apply(o *Op) {
	o.S, o.X, o.Set, o.Before, o.After, o.Width = 0, 0, NoSet, 0, 0, 0
	o.Status, o.Assumed = Applied, false
	o.order = m.Arch.Order
	if !o.Addends {
		if m.addend == nil {
			o.Status = Unknown
			return
		}
		if m.addend(o); o.Status != Applied {
			return
		}
	}
	m.apply(o)
}

// word returns n bytes of the place; nil, with the status set, when the place
// does not hold as many.
func (o *Op) word(n int) []byte {
	if len(o.Memory) < n {
		o.Status = Outside
		return nil
	}
	return o.Memory[:n]
}

// get32 reads a 32 bit addend from the place and sign-extends it.
func get32(o *Op) {
	if b := o.word(4); b != nil {
		o.A = uint64(int64(int32(o.order.Uint32(b))))
	}
}

// get64 reads a 64 bit addend from the place.
func get64(o *Op) {
	if b := o.word(8); b != nil {
		o.A = o.order.Uint64(b)
	}
}

// lookup finds the symbol and sets S; everything that follows a failure is a
// no-op, so that a formula can be written in one line.
func (o *Op) lookup() uint64 {
	if o.Status == Applied && !o.Resolver.Lookup(o) {
		o.Status = Undefined
	}
	return o.S
}

// relocaddr is the kernel's elf_relocaddr.
func (o *Op) relocaddr(x uint64) uint64 {
	if o.Status != Applied {
		return x
	}
	return o.Resolver.Relocaddr(o, x)
}

func (o *Op) put16(v uint64) {
	if b := o.word(2); b != nil && o.Status == Applied {
		o.Width, o.Before, o.After = 2, uint64(o.order.Uint16(b)), v&0xffff
		o.order.PutUint16(b, uint16(v))
	}
}

func (o *Op) put32(v uint64) {
	if b := o.word(4); b != nil && o.Status == Applied {
		o.Width, o.Before, o.After = 4, uint64(o.order.Uint32(b)), v&0xffffffff
		o.order.PutUint32(b, uint32(v))
	}
}

func (o *Op) put64(v uint64) {
	if b := o.word(8); b != nil && o.Status == Applied {
		o.Width, o.Before, o.After = 8, o.order.Uint64(b), v
		o.order.PutUint64(b, v)
	}
}

// putBits replaces the bits of the 32 bit instruction at the place that mask
// selects.
func (o *Op) putBits(mask, bits uint32) {
	if b := o.word(4); b != nil && o.Status == Applied {
		insn := o.order.Uint32(b)
		o.put32(uint64(insn&^mask | bits&mask))
	}
}

func (o *Op) skip()    { o.Status = Skipped }
func (o *Op) unknown() { o.Status = Unknown }

// overflow refuses the relocation unless ok.
func (o *Op) overflow(ok bool) {
	if o.Status == Applied && !ok {
		o.Status = Overflow
	}
}

// signed says whether v fits in a signed field of so many bits.
func signed(v uint64, bits uint) bool {
	shift := 64 - bits
	return uint64(int64(v<<shift)>>shift) == v
}
