package reloc

import "debug/elf"

// amd64: System V ABI, AMD64 Architecture Processor Supplement, "Relocation
// Types"; sys/amd64/amd64/elf_machdep.c.
//
// Modules are relocatable objects: relocations go by symbol and by section, the
// sets' own sections are placed straight into the instance space, and no
// reference can be mistaken for another. The kernel does not check that a value
// fits in 32 bits, nor does it look into the GOT, of which such a module has
// none.
var _ = register("amd64", Machine{
	ABI:       "System V ABI, AMD64 Architecture Processor Supplement",
	Name:      func(t uint32) string { return elf.R_X86_64(t).String() },
	Irelative: uint32(elf.R_X86_64_IRELATIVE),
	addend: func(o *Op) {
		switch elf.R_X86_64(o.Type) {
		case elf.R_X86_64_PC32, elf.R_X86_64_32S, elf.R_X86_64_PLT32:
			// The kernel widens this word without its sign; the 32 bits that
			// are written are the same.
			get32(o)
		case elf.R_X86_64_NONE:
		default:
			get64(o)
		}
	},
	apply: func(o *Op) {
		switch elf.R_X86_64(o.Type) {
		case elf.R_X86_64_NONE:
			o.skip()
		case elf.R_X86_64_64:
			o.put64(o.lookup() + o.A)
		case elf.R_X86_64_PC32, elf.R_X86_64_PLT32: // L is S: there is no PLT
			o.put32(o.lookup() + o.A - o.P)
		case elf.R_X86_64_32S:
			o.put32(o.lookup() + o.A)
		case elf.R_X86_64_GLOB_DAT, elf.R_X86_64_JMP_SLOT:
			o.put64(o.lookup())
		case elf.R_X86_64_RELATIVE:
			o.put64(o.relocaddr(o.B + o.A))
		case elf.R_X86_64_IRELATIVE: // the value of the function at B + A
			o.put64(o.B + o.A)
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_X86_64(t) {
		case elf.R_X86_64_64, elf.R_X86_64_32, elf.R_X86_64_32S, elf.R_X86_64_16, elf.R_X86_64_8:
			return Absolute
		case elf.R_X86_64_PC32, elf.R_X86_64_PC64, elf.R_X86_64_PC16, elf.R_X86_64_PC8:
			return PCRelative
		case elf.R_X86_64_PLT32:
			return Branch
		case elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_REX_GOTPCRELX:
			return GOT
		case elf.R_X86_64_GOTOFF64:
			return BaseRelative
		}
		return None
	},
	cause: func(t uint32) string {
		switch elf.R_X86_64(t) {
		case elf.R_X86_64_REX_GOTPCRELX, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_GOTPCREL:
			return "a load through the GOT: clang makes one for the stack protector's guard (-fno-stack-protector, or -mstack-protector-guard=global), and -fPIC or -fpie make them everywhere (-fno-pic)"
		case elf.R_X86_64_32:
			return "a 32 bit absolute address of the lower half; compile with -mcmodel=kernel"
		case elf.R_X86_64_COPY:
			return "a copy relocation, as an executable gets; stop the link after ld -r"
		case elf.R_X86_64_TPOFF32, elf.R_X86_64_TPOFF64, elf.R_X86_64_DTPOFF32, elf.R_X86_64_DTPMOD64, elf.R_X86_64_GOTTPOFF, elf.R_X86_64_TLSGD, elf.R_X86_64_TLSLD:
			return "thread-local storage, which kernel modules cannot have; use a per-CPU variable"
		}
		return ""
	},
})
