package reloc

import "debug/elf"

// powerpc64 and powerpc64le: 64-Bit ELF V2 ABI Specification, Power
// Architecture, "Relocation Types"; sys/powerpc/powerpc/elf64_machdep.c.
//
// Addresses come from the TOC, whose entries have dynamic relocations, unless
// the linker turns the load into an addi. In the older ABI (ELFv1, e_flags & 3
// less than 2) a function is a descriptor of three words in the other object,
// and JMP_SLOT copies it. The kernel does not notice that a JMP_SLOT's symbol
// is undefined and writes whatever it has.
var (
	_ = register("powerpc64", powerpc64(-2))
	_ = register("powerpc64le", powerpc64(0))
)

// powerpc64 is the relocation code for one byte order: half is the distance
// from the 16 bit field of an instruction back to the instruction.
func powerpc64(half int64) Machine {
	return Machine{
		ABI:              "64-Bit ELF V2 ABI Specification, Power Architecture",
		Name:             func(t uint32) string { return elf.R_PPC64(t).String() },
		Irelative:        ppcIrelative,
		ignoresUndefined: func(t uint32) bool { return elf.R_PPC64(t) == elf.R_PPC64_JMP_SLOT },
		apply: func(o *Op) {
			if o.Pass == Local && elf.R_PPC64(o.Type) != ppcRelative {
				o.skip()
				return
			}
			switch elf.R_PPC64(o.Type) {
			case elf.R_PPC64_NONE:
				o.skip()
			case elf.R_PPC64_ADDR64:
				o.put64(o.lookup() + o.A)
			case ppcRelative:
				if o.Pass != Local {
					o.skip()
					return
				}
				o.put64(o.relocaddr(o.B + o.A))
			case elf.R_PPC64_JMP_SLOT:
				if o.Flags&3 >= 2 {
					ppc64Slot(o)
					return
				}
				ppc64Descriptor(o)
			case ppcIrelative: // the value of the function at B + A
				if !o.Profile.AtLeast(13, 0) {
					o.unknown()
					return
				}
				o.put64(o.B + o.A)
			default:
				o.unknown()
			}
		},
		Form: func(t uint32) Form {
			switch elf.R_PPC64(t) {
			case elf.R_PPC64_ADDR64, elf.R_PPC64_ADDR32, elf.R_PPC64_UADDR64, elf.R_PPC64_UADDR32:
				return Absolute
			case elf.R_PPC64_ADDR16_HA, elf.R_PPC64_ADDR16_HI, elf.R_PPC64_ADDR16_HIGHER, elf.R_PPC64_ADDR16_HIGHEST, elf.R_PPC64_ADDR16_HIGHERA, elf.R_PPC64_ADDR16_HIGHESTA:
				return AbsoluteHigh
			case elf.R_PPC64_ADDR16_LO, elf.R_PPC64_ADDR16_LO_DS:
				return AbsoluteLow
			case elf.R_PPC64_REL32, elf.R_PPC64_REL64, elf.R_PPC64_REL16_HA, elf.R_PPC64_REL16_HI, elf.R_PPC64_REL16:
				return PCRelative
			case elf.R_PPC64_REL16_LO:
				return PCRelativeLow
			case elf.R_PPC64_TOC16, elf.R_PPC64_TOC16_HA, elf.R_PPC64_TOC16_HI, elf.R_PPC64_TOC16_DS:
				return BaseRelative
			case elf.R_PPC64_TOC16_LO, elf.R_PPC64_TOC16_LO_DS:
				return BaseRelativeLow
			case elf.R_PPC64_GOT16, elf.R_PPC64_GOT16_HA, elf.R_PPC64_GOT16_HI, elf.R_PPC64_GOT16_DS:
				return GOT
			case elf.R_PPC64_GOT16_LO, elf.R_PPC64_GOT16_LO_DS:
				return GOTLow
			case elf.R_PPC64_REL24, elf.R_PPC64_REL14, elf.R_PPC64_REL24_NOTOC:
				return Branch
			}
			return None
		},
		// Linkers turn ld from the TOC into addi. The field is the lower half of the
		// instruction, two bytes in on a big-endian machine.
		loadMask: func(t uint32) (int64, uint32) {
			switch elf.R_PPC64(t) {
			case elf.R_PPC64_TOC16_LO_DS, elf.R_PPC64_TOC16_DS, elf.R_PPC64_GOT16_LO_DS, elf.R_PPC64_GOT16_DS:
				return half, 0xfc000003
			}
			return 0, 0
		},
		cause: func(t uint32) string {
			switch elf.R_PPC64(t) {
			case elf.R_PPC64_GLOB_DAT:
				return "a GOT entry of GNU ld's making; link with ld.lld, which writes R_PPC64_ADDR64, or keep the symbol local"
			case elf.R_PPC64_REL24:
				return "a call left for the kernel to relocate; compile with -mlongcall and run stage 2 of the link (-Bshareable)"
			}
			return ""
		},
	}
}

// ppc64Slot writes S, or zero for a symbol that nothing defines: the call goes
// to address zero then, and the kernel has not noticed.
func ppc64Slot(o *Op) {
	s := o.lookup()
	if o.Status != Undefined {
		o.put64(s)
		return
	}
	o.Status = Applied
	o.put64(0)
	if o.Status == Applied {
		o.Status = Undefined
	}
}

// ppc64Descriptor copies the function descriptor at S: entry point, TOC and
// environment. The first word is what the trace shows.
func ppc64Descriptor(o *Op) {
	s := o.lookup()
	to := o.word(24)
	if to == nil || o.Status != Applied {
		return
	}
	from := o.Resolver.Read(s, 24)
	if from == nil {
		// The descriptor is the kernel's own, whose memory is not known.
		o.put64(s)
		return
	}
	first := o.order.Uint64(from)
	copy(to[8:], from[8:])
	o.put64(first)
}
