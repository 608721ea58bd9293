package reloc

import "debug/elf"

// aarch64: ELF for the Arm 64-bit Architecture (IHI 0056), "Relocation types";
// sys/arm64/arm64/elf_machdep.c.
//
// Modules are compiled -fPIC, so that the address of a set's variable comes
// from the GOT, whose entries have dynamic relocations. The kernel adds the
// addend for GLOB_DAT and JUMP_SLOT too. Branches are relocated in their
// instruction, but the immediate is or-ed in at bit 0, which is its place in b
// and bl only; cbz and tbz come out wrong.
var _ = register("aarch64", Machine{
	ABI:       "ELF for the Arm 64-bit Architecture (IHI 0056)",
	Name:      func(t uint32) string { return elf.R_AARCH64(t).String() },
	Irelative: uint32(elf.R_AARCH64_IRELATIVE),
	addend:    get64,
	apply: func(o *Op) {
		if o.Pass == Local {
			switch elf.R_AARCH64(o.Type) {
			case elf.R_AARCH64_RELATIVE:
				o.put64(o.relocaddr(o.B + o.A))
			default:
				o.skip()
			}
			return
		}
		switch elf.R_AARCH64(o.Type) {
		case elf.R_AARCH64_NONE, elf.R_AARCH64_RELATIVE:
			o.skip()
		case elf.R_AARCH64_ABS64, elf.R_AARCH64_GLOB_DAT, elf.R_AARCH64_JUMP_SLOT:
			o.put64(o.lookup() + o.A)
		case elf.R_AARCH64_IRELATIVE: // the value of the function at B + A
			if !o.Profile.AtLeast(12, 2) {
				o.unknown()
				return
			}
			o.put64(o.B + o.A)
		case elf.R_AARCH64_TSTBR14:
			aarch64Branch(o, 15)
		case elf.R_AARCH64_CONDBR19:
			aarch64Branch(o, 20)
		case elf.R_AARCH64_JUMP26, elf.R_AARCH64_CALL26:
			aarch64Branch(o, 27)
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_AARCH64(t) {
		case elf.R_AARCH64_ABS64, elf.R_AARCH64_ABS32, elf.R_AARCH64_ABS16:
			return Absolute
		case elf.R_AARCH64_MOVW_UABS_G0, elf.R_AARCH64_MOVW_UABS_G1, elf.R_AARCH64_MOVW_UABS_G2, elf.R_AARCH64_MOVW_UABS_G3:
			return AbsoluteHigh
		case elf.R_AARCH64_MOVW_UABS_G0_NC, elf.R_AARCH64_MOVW_UABS_G1_NC, elf.R_AARCH64_MOVW_UABS_G2_NC:
			return AbsoluteLow
		case elf.R_AARCH64_PREL64, elf.R_AARCH64_PREL32, elf.R_AARCH64_PREL16,
			elf.R_AARCH64_LD_PREL_LO19, elf.R_AARCH64_ADR_PREL_LO21, elf.R_AARCH64_ADR_PREL_PG_HI21, elf.R_AARCH64_ADR_PREL_PG_HI21_NC:
			return PCRelative
		case elf.R_AARCH64_ADD_ABS_LO12_NC, elf.R_AARCH64_LDST8_ABS_LO12_NC, elf.R_AARCH64_LDST16_ABS_LO12_NC,
			elf.R_AARCH64_LDST32_ABS_LO12_NC, elf.R_AARCH64_LDST64_ABS_LO12_NC, elf.R_AARCH64_LDST128_ABS_LO12_NC:
			return PCRelativeLow
		case elf.R_AARCH64_ADR_GOT_PAGE, elf.R_AARCH64_GOT_LD_PREL19:
			return GOT
		case elf.R_AARCH64_LD64_GOT_LO12_NC, elf.R_AARCH64_LD64_GOTPAGE_LO15:
			return GOTLow
		case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26, elf.R_AARCH64_CONDBR19, elf.R_AARCH64_TSTBR14:
			return Branch
		}
		return None
	},
	// ld.lld turns adrp and ldr into nop and adr, or into adrp and add.
	loadMask: func(t uint32) (int64, uint32) {
		switch elf.R_AARCH64(t) {
		case elf.R_AARCH64_ADR_GOT_PAGE:
			return 0, 0x9f000000
		case elf.R_AARCH64_LD64_GOT_LO12_NC:
			return 0, 0xffc00000
		}
		return 0, 0
	},
	cause: func(t uint32) string {
		switch elf.R_AARCH64(t) {
		case elf.R_AARCH64_COPY:
			return "a copy relocation, as an executable gets; link with -Bshareable"
		case elf.R_AARCH64_TLSDESC, elf.R_AARCH64_TLS_TPREL64, elf.R_AARCH64_TLS_DTPMOD64, elf.R_AARCH64_TLS_DTPREL64:
			return "thread-local storage, which kernel modules cannot have; use a per-CPU variable"
		case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26, elf.R_AARCH64_CONDBR19, elf.R_AARCH64_TSTBR14:
			return "a branch left for the kernel to relocate, which it does from FreeBSD 12.2 on; run stage 2 of the link (-Bshareable), which makes a PLT"
		}
		return ""
	},
})

// aarch64Branch ors bits msb to 2 of S + A - P into the instruction
// (reloc_instr_imm).
func aarch64Branch(o *Op, msb uint) {
	if !o.Profile.AtLeast(12, 2) {
		o.unknown()
		return
	}
	v := o.lookup() + o.A - o.P
	o.overflow(signed(v, msb+2))
	if b := o.word(4); b != nil && o.Status == Applied {
		o.put32(uint64(o.order.Uint32(b)) | v>>2&(1<<(msb-1)-1))
	}
}
