package reloc

import (
	"debug/elf"
	"encoding/binary"
)

// armv7: ELF for the Arm Architecture (IHI 0044), "Relocation types";
// sys/arm/arm/elf_machdep.c.
//
// Tables carry no addends: A is the word at the place, or the immediate of an
// instruction. The kernel knows three types; movw and movt pairs, which are
// the compilers' habit, are not among them (PR 196407). R_ARM_ABS32 adds to
// whatever stands at the place, even if the table carries an addend.
var _ = register("armv7", Machine{
	ABI:    "ELF for the Arm Architecture (IHI 0044)",
	Name:   func(t uint32) string { return elf.R_ARM(t).String() },
	addend: get32,
	apply: func(o *Op) {
		if o.Pass == Local {
			switch elf.R_ARM(o.Type) {
			case elf.R_ARM_RELATIVE:
				o.put32(o.relocaddr((o.B + o.A) & 0xffffffff))
			default:
				o.skip()
			}
			return
		}
		switch elf.R_ARM(o.Type) {
		case elf.R_ARM_NONE, elf.R_ARM_RELATIVE:
			o.skip()
		case elf.R_ARM_ABS32:
			get32(o)
			o.put32(o.lookup() + o.A)
		case elf.R_ARM_JUMP_SLOT:
			o.put32(o.lookup())
		default:
			o.unknown()
		}
	},
	Form: func(t uint32) Form {
		switch elf.R_ARM(t) {
		case elf.R_ARM_ABS32, elf.R_ARM_TARGET1, elf.R_ARM_ABS16, elf.R_ARM_ABS8, elf.R_ARM_ABS12:
			return Absolute
		case elf.R_ARM_MOVT_ABS, elf.R_ARM_THM_MOVT_ABS:
			return AbsoluteHigh
		case elf.R_ARM_MOVW_ABS_NC, elf.R_ARM_THM_MOVW_ABS_NC:
			return AbsoluteLow
		case elf.R_ARM_REL32, elf.R_ARM_MOVT_PREL, elf.R_ARM_THM_MOVT_PREL, elf.R_ARM_REL32_NOI:
			return PCRelative
		case elf.R_ARM_MOVW_PREL_NC, elf.R_ARM_THM_MOVW_PREL_NC:
			return PCRelativeLow
		case elf.R_ARM_GOTOFF:
			return BaseRelative
		case elf.R_ARM_GOT32, elf.R_ARM_GOT_ABS, elf.R_ARM_GOT_PREL:
			return GOT
		case elf.R_ARM_CALL, elf.R_ARM_JUMP24, elf.R_ARM_PC24, elf.R_ARM_PLT32, elf.R_ARM_THM_JUMP24, elf.R_ARM_THM_PC22, elf.R_ARM_PREL31:
			return Branch
		}
		return None
	},
	inPlace: func(t uint32, order binary.ByteOrder, b []byte) (int64, bool) {
		if len(b) < 4 {
			return 0, false
		}
		switch elf.R_ARM(t) {
		case elf.R_ARM_MOVW_ABS_NC, elf.R_ARM_MOVT_ABS, elf.R_ARM_MOVW_PREL_NC, elf.R_ARM_MOVT_PREL:
			insn := order.Uint32(b) // imm4:imm12
			return int64(int16(insn>>4&0xf000 | insn&0xfff)), true
		case elf.R_ARM_THM_MOVW_ABS_NC, elf.R_ARM_THM_MOVT_ABS, elf.R_ARM_THM_MOVW_PREL_NC, elf.R_ARM_THM_MOVT_PREL:
			hi, lo := uint32(order.Uint16(b)), uint32(order.Uint16(b[2:])) // imm4:i:imm3:imm8
			return int64(int16(hi&0xf<<12 | hi>>10&1<<11 | lo>>12&7<<8 | lo&0xff)), true
		case elf.R_ARM_CALL, elf.R_ARM_JUMP24, elf.R_ARM_PC24, elf.R_ARM_PLT32:
			return int64(int32(order.Uint32(b)<<8) >> 6), true
		case elf.R_ARM_PREL31:
			return int64(int32(order.Uint32(b)<<1) >> 1), true
		case elf.R_ARM_THM_JUMP24, elf.R_ARM_THM_PC22:
			return 0, false
		}
		return inPlace32(order, b)
	},
	cause: func(t uint32) string {
		switch elf.R_ARM(t) {
		case elf.R_ARM_MOVW_ABS_NC, elf.R_ARM_MOVT_ABS, elf.R_ARM_THM_MOVW_ABS_NC, elf.R_ARM_THM_MOVT_ABS:
			return "an address loaded by a movw and movt pair; compile with -mno-movt (clang) or -mword-relocations (gcc)"
		case elf.R_ARM_GLOB_DAT:
			return "a load through the GOT, as -fPIC code makes; compile with -fno-pic"
		case elf.R_ARM_COPY:
			return "a copy relocation, as an executable gets; link with -Bshareable"
		case elf.R_ARM_TLS_TPOFF32, elf.R_ARM_TLS_DTPMOD32, elf.R_ARM_TLS_DTPOFF32:
			return "thread-local storage, which kernel modules cannot have; use a per-CPU variable"
		}
		return ""
	},
})
