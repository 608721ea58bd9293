package reloc

import (
	"debug/elf"
	"encoding/binary"
)

// i386: System V ABI, Intel386 Architecture Processor Supplement, 4th edition,
// "Relocation"; sys/i386/i386/elf_machdep.c.
//
// Tables carry no addends: A is the word at the place. Modules are not
// position independent, so every reference to a set is an absolute word that
// the compiler may have folded a constant into: this is where PR 230857 lives.
// From FreeBSD 14 on they may be compiled -fPIC, and calls go through a PLT.
var _ = register("i386", Machine{
	ABI:       "System V ABI, Intel386 Architecture Processor Supplement",
	Name:      func(t uint32) string { return elf.R_386(t).String() },
	Irelative: uint32(elf.R_386_IRELATIVE),
	addend:    get32,
	apply: func(o *Op) {
		if o.Pass == Local {
			switch elf.R_386(o.Type) {
			case elf.R_386_RELATIVE:
				o.put32(o.relocaddr((o.B + o.A) & 0xffffffff))
			default:
				o.skip()
			}
			return
		}
		switch elf.R_386(o.Type) {
		case elf.R_386_NONE, elf.R_386_RELATIVE:
			o.skip()
		case elf.R_386_32:
			o.put32(o.lookup() + o.A)
		case elf.R_386_PC32:
			o.put32(o.lookup() + o.A - o.P)
		case elf.R_386_GLOB_DAT:
			o.put32(o.lookup())
		case elf.R_386_JMP_SLOT:
			if !o.Profile.AtLeast(14, 0) {
				o.unknown()
				return
			}
			o.put32(o.lookup())
		case elf.R_386_IRELATIVE: // the value of the function at B + A
			o.put32(o.B + o.A)
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_386(t) {
		case elf.R_386_32, elf.R_386_16, elf.R_386_8:
			return Absolute
		case elf.R_386_PC32, elf.R_386_PC16, elf.R_386_PC8:
			return PCRelative
		case elf.R_386_PLT32:
			return Branch
		case elf.R_386_GOT32, elf.R_386_GOT32X:
			return GOT
		case elf.R_386_GOTOFF:
			return BaseRelative
		}
		return None
	},
	inPlace: func(t uint32, order binary.ByteOrder, b []byte) (int64, bool) {
		switch elf.R_386(t) {
		case elf.R_386_16, elf.R_386_PC16:
			if len(b) < 2 {
				return 0, false
			}
			return int64(int16(order.Uint16(b))), true
		case elf.R_386_8, elf.R_386_PC8:
			if len(b) < 1 {
				return 0, false
			}
			return int64(int8(b[0])), true
		}
		return inPlace32(order, b)
	},
	// GNU ld turns mov foo@GOT(%ebx), %eax into lea foo@GOTOFF(%ebx), %eax.
	loadMask: func(t uint32) (int64, uint32) {
		switch elf.R_386(t) {
		case elf.R_386_GOT32X, elf.R_386_GOT32:
			return -2, 0x000000ff // the opcode, before ModRM and the field
		}
		return 0, 0
	},
	cause: func(t uint32) string {
		switch elf.R_386(t) {
		case elf.R_386_JMP_SLOT, elf.R_386_PLT32:
			return "a call through a PLT, as -fPIC code makes, which kernels know from FreeBSD 14 on; compile with -fno-pic"
		case elf.R_386_COPY:
			return "a copy relocation, as an executable gets; link with -Bshareable"
		case elf.R_386_GOT32, elf.R_386_GOT32X, elf.R_386_GOTOFF, elf.R_386_GOTPC:
			return "position independent code that was never linked; run stage 2 of the link (-Bshareable)"
		case elf.R_386_TLS_TPOFF, elf.R_386_TLS_DTPMOD32, elf.R_386_TLS_DTPOFF32:
			return "thread-local storage, which kernel modules cannot have; use a per-CPU variable"
		}
		return ""
	},
})
