package reloc

import "encoding/binary"

// Form says what the compiler means by a relocation in an object: how the
// address S + A reaches the code. It decides whether the kernel has a chance to
// rewrite the reference, and so it is the same for every kernel.
type Form uint8

const (
	// None is no reference to an address: alignment and relaxation hints,
	// thread-local storage, types nobody emits in kernel code.
	None Form = iota
	// Absolute is the whole of S + A. The final link leaves a dynamic
	// relocation for the kernel.
	Absolute
	// AbsoluteHigh and AbsoluteLow are the two parts of S + A in a pair of
	// instructions.
	AbsoluteHigh
	AbsoluteLow
	// PCRelative is S + A - P, or its high part. The final link resolves it
	// for good, and the kernel never sees it.
	PCRelative
	// PCRelativeLow is the second half of a pair.
	PCRelativeLow
	// BaseRelative is S + A counted from the GOT or the TOC, likewise resolved
	// for good; BaseRelativeLow is the second half of a pair.
	BaseRelative
	BaseRelativeLow
	// GOT is a load through the symbol's GOT entry, which has a dynamic
	// relocation; GOTLow is the second half of a pair.
	GOT
	GOTLow
	// Branch is a call or jump, possibly through a PLT entry.
	Branch
)

// Second says whether the form is the second half of a pair of instructions
// that make up one reference.
func (f Form) Second() bool {
	switch f {
	case AbsoluteLow, PCRelativeLow, BaseRelativeLow, GOTLow:
		return true
	}
	return false
}

// PastKernel says whether a reference of this form is resolved by the linker
// in a way that leaves nothing for the kernel to rewrite.
func (f Form) PastKernel() bool {
	switch f {
	case PCRelative, PCRelativeLow, BaseRelative, BaseRelativeLow:
		return true
	}
	return false
}

// InPlace reads the addend of an object's relocation from its place, for
// tables that carry none. It is false when the place is too short or the type
// has no addend that anybody needs.
func (m *Machine) InPlace(typ uint32, field []byte) (int64, bool) {
	if m.inPlace == nil {
		return 0, false
	}
	return m.inPlace(typ, m.Arch.Order, field)
}

// inPlace32 is the addend of a 32 bit word.
func inPlace32(order binary.ByteOrder, field []byte) (int64, bool) {
	if len(field) < 4 {
		return 0, false
	}
	return int64(int32(order.Uint32(field))), true
}

// LoadMask says which bits of the 32 bits that hold an instruction tell that it
// still loads from the GOT or the TOC at a relocation of this type; zero when
// there is nothing to tell. The bits begin InstructionAt.
func (m *Machine) LoadMask(typ uint32) uint32 {
	if m.loadMask == nil {
		return 0
	}
	_, mask := m.loadMask(typ)
	return mask
}

// InstructionAt is the offset of the instruction that a relocation at offset
// belongs to.
func (m *Machine) InstructionAt(typ uint32, offset int64) int64 {
	if m.loadMask == nil {
		return offset
	}
	delta, _ := m.loadMask(typ)
	return offset + delta
}
