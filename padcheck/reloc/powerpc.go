package reloc

import "debug/elf"

// powerpc: Power Architecture 32-bit ABI Supplement 1.0, "Relocation types";
// sys/powerpc/powerpc/elf32_machdep.c.
//
// Absolute addresses are checked against the module's sets as sums, S + A,
// after S itself has been looked up in all sets. The 16 bit types guess that an
// addend may already be an offset from the start of the module. Both passes
// apply everything; since nothing is read from the place, doing so once gives
// the same bytes, and the trace says once.
var _ = register("powerpc", Machine{
	ABI:       "Power Architecture 32-bit ABI Supplement",
	Name:      func(t uint32) string { return elf.R_PPC(t).String() },
	Irelative: ppcIrelative,
	apply: func(o *Op) {
		if o.Pass == Local && elf.R_PPC(o.Type) != ppcRelative {
			o.skip()
			return
		}
		switch elf.R_PPC(o.Type) {
		case elf.R_PPC_NONE:
			o.skip()
		case elf.R_PPC_ADDR32:
			o.put32(o.relocaddr((o.lookup() + o.A) & 0xffffffff))
		case elf.R_PPC_ADDR16_LO: // #lo(S + A)
			o.put16(ppcSum(o))
		case elf.R_PPC_ADDR16_HA: // #ha(S + A)
			o.put16((ppcSum(o) + 0x8000) >> 16)
		case ppcRelative:
			if o.Pass != Local {
				o.skip()
				return
			}
			o.put32(o.relocaddr((o.B + o.A) & 0xffffffff))
		case elf.R_PPC_JMP_SLOT:
			if !o.Profile.AtLeast(13, 0) {
				o.unknown()
				return
			}
			o.put32(o.relocaddr((o.lookup() + o.A) & 0xffffffff))
		case ppcIrelative: // the value of the function at B + A
			if !o.Profile.AtLeast(13, 0) {
				o.unknown()
				return
			}
			o.put32(o.B + o.A)
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_PPC(t) {
		case elf.R_PPC_ADDR32, elf.R_PPC_UADDR32, elf.R_PPC_ADDR24, elf.R_PPC_ADDR16, elf.R_PPC_UADDR16:
			return Absolute
		case elf.R_PPC_ADDR16_HA, elf.R_PPC_ADDR16_HI:
			return AbsoluteHigh
		case elf.R_PPC_ADDR16_LO:
			return AbsoluteLow
		case elf.R_PPC_REL32, ppcRel16, ppcRel16Hi, ppcRel16Ha:
			return PCRelative
		case ppcRel16Lo:
			return PCRelativeLow
		case elf.R_PPC_GOT16, elf.R_PPC_GOT16_HA, elf.R_PPC_GOT16_HI:
			return GOT
		case elf.R_PPC_GOT16_LO:
			return GOTLow
		case elf.R_PPC_REL24, elf.R_PPC_REL14, elf.R_PPC_PLTREL24, elf.R_PPC_LOCAL24PC, elf.R_PPC_PLT32, elf.R_PPC_PLTREL32:
			return Branch
		}
		return None
	},
	cause: func(t uint32) string {
		switch elf.R_PPC(t) {
		case elf.R_PPC_JMP_SLOT:
			return "a call through the PLT, which kernels know from FreeBSD 13 on; compile with -mlongcall, or load it there"
		case elf.R_PPC_GLOB_DAT:
			return "a GOT entry of GNU ld's making; link with ld.lld, which writes R_PPC_ADDR32, or keep the symbol local"
		case elf.R_PPC_COPY:
			return "a copy relocation, as an executable gets; link with -Bshareable"
		case elf.R_PPC_REL24:
			return "a call left for the kernel to relocate; compile with -mlongcall and run stage 2 of the link (-Bshareable)"
		}
		return ""
	},
})

// Types that debug/elf does not name, or not for both sizes.
const (
	ppcRelative  = 22
	ppcIrelative = 248
	ppcRel16     = 249
	ppcRel16Lo   = 250
	ppcRel16Hi   = 251
	ppcRel16Ha   = 252
)

// ppcSum is S + A of the 16 bit types, with the kernel's guess: where S lies
// after the start of the module but not after B + A, the addend is taken to
// count from B.
func ppcSum(o *Op) uint64 {
	s := o.lookup()
	if s > o.B && s <= (o.B+o.A)&0xffffffff {
		s = o.B
	}
	return o.relocaddr((s + o.A) & 0xffffffff)
}
