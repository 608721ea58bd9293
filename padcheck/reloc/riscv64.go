package reloc

import (
	"debug/elf"

	"github.com/kmodpad/kmodpad/padcheck/profile"
)

// riscv64: RISC-V ELF psABI, "Relocations"; sys/riscv/riscv/elf_machdep.c.
//
// Modules are compiled -fPIC. The kernel drops the addend of R_RISCV_64 and
// JUMP_SLOT up to FreeBSD 13.1, and of the instruction types in every release.
// Its range checks of jumps compare an unsigned difference with -2^20 or -2^32,
// which no number passes. Both passes apply everything; nothing is read from the place but
// instructions, so once is enough.
var _ = register("riscv64", Machine{
	dropsAddend: riscvDropsAddend,
	ABI:         "RISC-V ELF psABI",
	Name:        func(t uint32) string { return elf.R_RISCV(t).String() },
	apply: func(o *Op) {
		if o.Pass == Local && elf.R_RISCV(o.Type) != elf.R_RISCV_RELATIVE {
			o.skip()
			return
		}
		switch elf.R_RISCV(o.Type) {
		case elf.R_RISCV_NONE:
			o.skip()
		case elf.R_RISCV_64, elf.R_RISCV_JUMP_SLOT:
			if riscvDropsAddend(o.Type, o.Profile) {
				o.put64(o.lookup())
				return
			}
			o.put64(o.lookup() + o.A)
		case elf.R_RISCV_RELATIVE:
			if o.Pass != Local {
				o.skip()
				return
			}
			o.put64(o.relocaddr(o.B + o.A))
		case elf.R_RISCV_JAL, elf.R_RISCV_CALL: // "huge offset", however small
			o.lookup()
			o.overflow(false)
		case elf.R_RISCV_PCREL_HI20:
			o.putBits(0xfffff000, hi20(o.lookup()-o.P))
		case elf.R_RISCV_HI20:
			o.putBits(0xfffff000, hi20(o.lookup()))
		case elf.R_RISCV_PCREL_LO12_I, elf.R_RISCV_LO12_I:
			o.putBits(0xfff00000, uint32(o.lookup())<<20)
		case elf.R_RISCV_PCREL_LO12_S, elf.R_RISCV_LO12_S:
			v := uint32(o.lookup())
			o.putBits(0xfe000f80, v>>5<<25|v<<27>>20)
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_RISCV(t) {
		case elf.R_RISCV_64, elf.R_RISCV_32:
			return Absolute
		case elf.R_RISCV_HI20:
			return AbsoluteHigh
		case elf.R_RISCV_LO12_I, elf.R_RISCV_LO12_S:
			return AbsoluteLow
		case elf.R_RISCV_PCREL_HI20, riscv32PCRel:
			return PCRelative
		// The low halves of pairs name the instruction with the high half, not
		// the symbol.
		case elf.R_RISCV_PCREL_LO12_I, elf.R_RISCV_PCREL_LO12_S:
			return PCRelativeLow
		case elf.R_RISCV_GOT_HI20:
			return GOT
		case elf.R_RISCV_CALL, elf.R_RISCV_CALL_PLT, elf.R_RISCV_JAL, elf.R_RISCV_BRANCH, elf.R_RISCV_RVC_BRANCH, elf.R_RISCV_RVC_JUMP:
			return Branch
		}
		return None
	},
	// Linkers turn auipc and ld into auipc and addi.
	loadMask: func(t uint32) (int64, uint32) {
		if elf.R_RISCV(t) == elf.R_RISCV_PCREL_LO12_I {
			return 0, 0x0000707f
		}
		return 0, 0
	},
	cause: func(t uint32) string {
		switch elf.R_RISCV(t) {
		case elf.R_RISCV_CALL_PLT:
			return "a call left for the kernel to relocate; run stage 2 of the link (-Bshareable), which makes a PLT"
		case elf.R_RISCV_COPY:
			return "a copy relocation, as an executable gets; link with -Bshareable"
		case elf.R_RISCV_TLS_DTPMOD64, elf.R_RISCV_TLS_DTPREL64, elf.R_RISCV_TLS_TPREL64:
			return "thread-local storage, which kernel modules cannot have; use a per-CPU variable"
		}
		return ""
	},
})

const riscv32PCRel = 57 // R_RISCV_32_PCREL

// riscvDropsAddend says whether a kernel computes S where the ABI says S + A.
func riscvDropsAddend(typ uint32, p *profile.Profile) bool {
	t := elf.R_RISCV(typ)
	return (t == elf.R_RISCV_64 || t == elf.R_RISCV_JUMP_SLOT) && !p.AtLeast(13, 2)
}

// hi20 is the upper part of v for an instruction whose partner adds a
// sign-extended 12 bit immediate (calc_hi20_imm).
func hi20(v uint64) uint32 { return uint32(v+v&0x800<<1) & 0xfffff000 }
