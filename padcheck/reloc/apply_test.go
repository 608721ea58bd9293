package reloc_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"

	. "debug/elf"
)

// applied is one relocation worked out by hand. The bytes of the place, before
// and after, stand in the order in which they lie in memory, and hold a few
// bytes more than the field so that a field too wide is seen. The object's set
// is at [0x20002000, 0x20002040), and its instances begin at 0x31000000.
type applied struct {
	what   string
	typ    uint32
	kernel string // profile; the newest when empty
	pass   reloc.Pass
	rel    bool // the table carries no addends
	b      uint64
	s      uint64 // symbol 1; undefined means symbol 2
	a      int64
	p      uint64
	flags  uint32
	before string
	after  string // "" when nothing is written
	status reloc.Status
	set    bool // the address was found in the set
}

const (
	local  = reloc.Local
	global = reloc.Global
	ifunc  = reloc.Ifunc
)

func testApply(t *testing.T, name string, cases []applied) {
	t.Helper()
	a, err := arch.ByName(name)
	require.NoError(t, err)
	m := reloc.For(a)
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.what, " ", "_"), func(t *testing.T) {
			p, err := profile.Parse(c.kernel)
			require.NoError(t, err)
			memory := unhex(t, c.before)
			o := reloc.Op{B: c.b, Flags: c.flags, Profile: p, Memory: memory, Addends: !c.rel,
				Resolver: &fake{symbols: map[uint32]uint64{1: c.s}, memory: descriptors(a.Order)}}
			o.Type, o.Symbol, o.P, o.Pass = c.typ, 1, c.p, c.pass
			if c.status == reloc.Undefined {
				o.Symbol = 2
			}
			if !c.rel {
				o.A = uint64(c.a)
			}
			m.Apply(&o)
			require.Equal(t, c.status, o.Status, "got %v", o.Status)
			want := c.after
			if want == "" {
				want = c.before
			}
			require.Equal(t, hex.EncodeToString(unhex(t, want)), hex.EncodeToString(memory), "%s at %#x", m.Name(c.typ), c.p)
			if c.set {
				require.EqualValues(t, setNumber, o.Set)
			} else {
				require.EqualValues(t, reloc.NoSet, o.Set)
			}
			if c.rel && c.status == reloc.Applied {
				require.Equal(t, uint64(c.a), o.A, "the addend read from the place")
			}
			if c.status == reloc.Applied {
				require.Equal(t, word(m, unhex(t, c.before)[:o.Width]), o.Before)
				require.Equal(t, word(m, unhex(t, want)[:o.Width]), o.After)
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// descriptors is the memory behind symbols of ELFv1 objects: a function
// descriptor at 0x40001000, of entry point, TOC and environment.
func descriptors(order binary.ByteOrder) map[uint64][]byte {
	d := make([]byte, 24)
	order.PutUint64(d, 0x4000000000001111)
	order.PutUint64(d[8:], 0x4000000000002222)
	order.PutUint64(d[16:], 0x4000000000003333)
	return map[uint64][]byte{0x40001000: d}
}

func TestI386(t *testing.T) {
	const b, p = 0x20000000, 0x20000100
	testApply(t, "i386", []applied{
		{what: "none", typ: uint32(R_386_NONE), pass: global, rel: true, before: "11223344", status: reloc.Skipped},
		// 0x30001000 + (-4) = 0x30000ffc: the word at the place has a sign.
		{what: "32 with an addend in place", typ: uint32(R_386_32), pass: global, rel: true, b: b, p: p, s: 0x30001000, a: -4,
			before: "fcffffff ee", after: "fc0f0030 ee"},
		// 0x30001000 + 8; with a table that carries addends the place does not count.
		{what: "32 with an addend in the table", typ: uint32(R_386_32), pass: global, b: b, p: p, s: 0x30001000, a: 8,
			before: "fcffffff ee", after: "08100030 ee"},
		// 0xfffffff0 + 0x20 = 0x1_00000010
		{what: "32 around the end of the address space", typ: uint32(R_386_32), pass: global, rel: true, b: b, p: p, s: 0xfffffff0, a: 0x20,
			before: "20000000 ee", after: "10000000 ee"},
		// The symbol decides about the set, in the lookup; the sum does not:
		// 0x20002000 + 0x10 stays.
		{what: "32 whose sum is in the set", typ: uint32(R_386_32), pass: global, rel: true, b: b, p: p, s: 0x20001ff0, a: 0x20,
			before: "20000000", after: "10200020"},
		// 0x30001000 - 4 - 0x20000100 = 0x10000efc
		{what: "pc32 forward", typ: uint32(R_386_PC32), pass: global, rel: true, b: b, p: p, s: 0x30001000, a: -4,
			before: "fcffffff ee", after: "fc0e0010 ee"},
		// 0x10000000 - 0x20000100 = -0x10000100 = 0xefffff00
		{what: "pc32 backward", typ: uint32(R_386_PC32), pass: global, rel: true, b: b, p: p, s: 0x10000000,
			before: "00000000 ee", after: "00ffffef ee"},
		{what: "glob_dat forgets the addend", typ: uint32(R_386_GLOB_DAT), pass: global, rel: true, b: b, p: p, s: 0x30001000, a: 0x77,
			before: "77000000 ee", after: "00100030 ee"},
		{what: "jmp_slot is new in 14", typ: uint32(R_386_JMP_SLOT), kernel: "13.0", pass: global, rel: true, b: b, p: p, s: 0x30001000,
			before: "06100000", status: reloc.Unknown},
		{what: "jmp_slot", typ: uint32(R_386_JMP_SLOT), kernel: "14.0", pass: global, rel: true, b: b, p: p, s: 0x30001000, a: 0x1006,
			before: "06100000 ee", after: "00100030 ee"},
		// 0x20000000 + 0x18e2
		{what: "relative", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x18e2,
			before: "e2180000 ee", after: "e2180020 ee"},
		// start <= x < stop: 0x2000 and 0x203f are in the set, 0x1fff and 0x2040
		// are not. The last one is the bug of PR 230857.
		{what: "relative below the set", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x1fff,
			before: "ff1f0000", after: "ff1f0020"},
		{what: "relative to the start of the set", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x2000,
			before: "00200000", after: "00000031", set: true},
		{what: "relative to the last byte of the set", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x203f,
			before: "3f200000", after: "3f000031", set: true},
		{what: "relative to the end of the set", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x2040,
			before: "40200000", after: "40200020"},
		// 0x20000000 + 0xf0000000 = 0x1_10000000
		{what: "relative around the end of the address space", typ: uint32(R_386_RELATIVE), pass: local, rel: true, b: b, p: p, a: -0x10000000,
			before: "000000f0", after: "00000010"},
		{what: "relative again in the global pass", typ: uint32(R_386_RELATIVE), pass: global, rel: true, b: b, p: p, a: 0x18e2,
			before: "e2180020", status: reloc.Skipped},
		{what: "32 in the local pass", typ: uint32(R_386_32), pass: local, rel: true, b: b, p: p, s: 0x30001000,
			before: "00000000", status: reloc.Skipped},
		// 0x20000000 + 0x400: where the resolver is that the kernel calls.
		{what: "irelative", typ: uint32(R_386_IRELATIVE), pass: ifunc, rel: true, b: b, p: p, a: 0x400,
			before: "00040000 ee", after: "00040020 ee"},
		{what: "copy", typ: uint32(R_386_COPY), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "thread-local", typ: uint32(R_386_TLS_TPOFF), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "got32x", typ: uint32(R_386_GOT32X), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "no such type", typ: 200, pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "undefined 32", typ: uint32(R_386_32), pass: global, rel: true, before: "04000000", status: reloc.Undefined},
		{what: "undefined pc32", typ: uint32(R_386_PC32), pass: global, rel: true, before: "fcffffff", status: reloc.Undefined},
		{what: "a place of three bytes", typ: uint32(R_386_32), pass: global, rel: true, before: "112233", status: reloc.Outside},
		{what: "a place of three bytes and a table with addends", typ: uint32(R_386_32), pass: global, before: "112233", status: reloc.Outside},
	})
}

func TestAMD64(t *testing.T) {
	const b, p, s = 0xffffffff82a00000, 0xffffffff82a00100, 0xffffffff81000000
	testApply(t, "amd64", []applied{
		{what: "none", typ: uint32(R_X86_64_NONE), pass: global, before: "11223344", status: reloc.Skipped},
		{what: "64", typ: uint32(R_X86_64_64), pass: global, b: b, p: p, s: s, a: 0x10,
			before: "1111111111111111 ee", after: "10000081ffffffff ee"},
		{what: "64 in the local pass", typ: uint32(R_X86_64_64), pass: local, b: b, p: p, s: s, a: 0x10,
			before: "0000000000000000 ee", after: "10000081ffffffff ee"},
		{what: "64 with an addend in place", typ: uint32(R_X86_64_64), pass: global, rel: true, b: b, p: p, s: s, a: -1,
			before: "ffffffffffffffff ee", after: "ffffff80ffffffff ee"},
		// 0x81000000 - 4 - 0x82a00100 = -0x1a00104 = 0xfe5ffefc
		{what: "pc32", typ: uint32(R_X86_64_PC32), pass: global, b: b, p: p, s: s, a: -4,
			before: "00000000 eeeeeeee", after: "fcfe5ffe eeeeeeee"},
		{what: "pc32 with an addend in place", typ: uint32(R_X86_64_PC32), pass: global, rel: true, b: b, p: p, s: s, a: -4,
			before: "fcffffff eeeeeeee", after: "fcfe5ffe eeeeeeee"},
		{what: "plt32", typ: uint32(R_X86_64_PLT32), pass: global, b: b, p: p, s: s, a: -4,
			before: "00000000 eeeeeeee", after: "fcfe5ffe eeeeeeee"},
		{what: "32s", typ: uint32(R_X86_64_32S), pass: global, b: b, p: p, s: s, a: 0x10,
			before: "00000000 eeeeeeee", after: "10000081 eeeeeeee"},
		// The kernel does not check that a value fits: 0x1_23456789 is cut.
		{what: "32s too wide", typ: uint32(R_X86_64_32S), pass: global, b: b, p: p, s: 0x123456789,
			before: "00000000 eeeeeeee", after: "89674523 eeeeeeee"},
		{what: "pc32 too far", typ: uint32(R_X86_64_PC32), pass: global, b: b, p: 0x1000, s: 0x500001000,
			before: "00000000 eeeeeeee", after: "00000000 eeeeeeee"},
		{what: "glob_dat forgets the addend", typ: uint32(R_X86_64_GLOB_DAT), pass: global, b: b, p: p, s: s, a: 8,
			before: "0000000000000000", after: "00000081ffffffff"},
		{what: "jmp_slot forgets the addend", typ: uint32(R_X86_64_JMP_SLOT), pass: global, b: b, p: p, s: s, a: 8,
			before: "0000000000000000", after: "00000081ffffffff"},
		{what: "relative", typ: uint32(R_X86_64_RELATIVE), pass: local, b: b, p: p, a: 0x18e2,
			before: "0000000000000000", after: "e218a082ffffffff"},
		{what: "relative into the set", typ: uint32(R_X86_64_RELATIVE), pass: local, b: 0x20000000, p: p, a: 0x2008,
			before: "0000000000000000", after: "0800003100000000", set: true},
		{what: "irelative", typ: uint32(R_X86_64_IRELATIVE), pass: ifunc, b: b, p: p, a: 0x400,
			before: "0000000000000000", after: "0004a082ffffffff"},
		{what: "32", typ: uint32(R_X86_64_32), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "pc64", typ: uint32(R_X86_64_PC64), pass: global, before: "0000000000000000", status: reloc.Unknown},
		{what: "gotpcrel", typ: uint32(R_X86_64_GOTPCREL), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "rex_gotpcrelx", typ: uint32(R_X86_64_REX_GOTPCRELX), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "copy", typ: uint32(R_X86_64_COPY), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "undefined", typ: uint32(R_X86_64_PLT32), pass: global, before: "00000000", status: reloc.Undefined},
		{what: "a place of seven bytes", typ: uint32(R_X86_64_64), pass: global, s: s, before: "11223344556677", status: reloc.Outside},
	})
}

func TestAArch64(t *testing.T) {
	const b, p, s = 0xffff000101000000, 0xffff000101000100, 0xffff000000801000
	testApply(t, "aarch64", []applied{
		{what: "none", typ: uint32(R_AARCH64_NONE), pass: global, before: "11223344", status: reloc.Skipped},
		{what: "abs64", typ: uint32(R_AARCH64_ABS64), pass: global, b: b, p: p, s: s, a: 0x18,
			before: "1111111111111111 ee", after: "18108000 0000ffff ee"},
		{what: "abs64 with an addend in place", typ: uint32(R_AARCH64_ABS64), pass: global, rel: true, b: b, p: p, s: s, a: -0x1000,
			before: "00f0ffffffffffff ee", after: "00008000 0000ffff ee"},
		// The ABI's GLOB_DAT and JUMP_SLOT are S + A, and so are the kernel's.
		{what: "glob_dat", typ: uint32(R_AARCH64_GLOB_DAT), pass: global, b: b, p: p, s: s, a: 8,
			before: "0000000000000000", after: "08108000 0000ffff"},
		{what: "jump_slot", typ: uint32(R_AARCH64_JUMP_SLOT), pass: global, b: b, p: p, s: s, a: 8,
			before: "0000000000000000", after: "08108000 0000ffff"},
		{what: "relative", typ: uint32(R_AARCH64_RELATIVE), pass: local, b: b, p: p, a: 0x18e2,
			before: "0000000000000000", after: "e2180001 0100ffff"},
		{what: "relative into the set", typ: uint32(R_AARCH64_RELATIVE), pass: local, b: 0x20000000, p: p, a: 0x203f,
			before: "0000000000000000", after: "3f00003100000000", set: true},
		{what: "relative to the end of the set", typ: uint32(R_AARCH64_RELATIVE), pass: local, b: 0x20000000, p: p, a: 0x2040,
			before: "0000000000000000", after: "4020002000000000"},
		{what: "relative in the global pass", typ: uint32(R_AARCH64_RELATIVE), pass: global, b: b, a: 0x18e2,
			before: "0000000000000000", status: reloc.Skipped},
		{what: "abs64 in the local pass", typ: uint32(R_AARCH64_ABS64), pass: local, s: s,
			before: "0000000000000000", status: reloc.Skipped},
		{what: "irelative", typ: uint32(R_AARCH64_IRELATIVE), pass: ifunc, b: b, p: p, a: 0x400,
			before: "0000000000000000", after: "00040001 0100ffff"},
		// bl: S + A - P = 0x1000, a quarter of it is 0x400.
		{what: "call26 forward", typ: uint32(R_AARCH64_CALL26), pass: global, b: b, p: 0x1000, s: 0x1ff8, a: 8,
			before: "00000094 ee", after: "00040094 ee"},
		// b: -4 / 4 = -1, 26 ones.
		{what: "jump26 backward", typ: uint32(R_AARCH64_JUMP26), pass: global, b: b, p: 0x1000, s: 0xffc,
			before: "00000014 ee", after: "ffffff17 ee"},
		// The kernel looks at bit 28 and above only, which is one bit too few:
		// 2^27 passes and comes out as a jump backward (imm26 0x2000000).
		{what: "call26 as far as 2^27", typ: uint32(R_AARCH64_CALL26), pass: global, b: b, p: 0x1000, s: 0x8001000,
			before: "00000094", after: "00000096"},
		{what: "call26 too far", typ: uint32(R_AARCH64_CALL26), pass: global, b: b, p: 0x1000, s: 0x10001000,
			before: "00000094", status: reloc.Overflow},
		{what: "call26 too far back", typ: uint32(R_AARCH64_CALL26), pass: global, b: b, p: 0x20001000, s: 0x10000ffc,
			before: "00000094", status: reloc.Overflow},
		// tbz and b.cond have their immediate from bit 5 on. The kernel puts
		// 0x10 / 4 at bit 0, where tbz has its register.
		{what: "tstbr14 at the wrong bit", typ: uint32(R_AARCH64_TSTBR14), pass: global, b: b, p: 0x1000, s: 0x1010,
			before: "00000036", after: "04000036"},
		{what: "condbr19 at the wrong bit", typ: uint32(R_AARCH64_CONDBR19), pass: global, b: b, p: 0x1000, s: 0x1010,
			before: "00000054", after: "04000054"},
		{what: "tstbr14 too far", typ: uint32(R_AARCH64_TSTBR14), pass: global, b: b, p: 0x1000, s: 0x11000,
			before: "00000036", status: reloc.Overflow},
		{what: "condbr19 too far", typ: uint32(R_AARCH64_CONDBR19), pass: global, b: b, p: 0x1000, s: 0x201000,
			before: "00000054", status: reloc.Overflow},
		{what: "branches are new in 12.2", typ: uint32(R_AARCH64_CALL26), kernel: "12.1", pass: global, b: b, p: 0x1000, s: 0x2000,
			before: "00000094", status: reloc.Unknown},
		{what: "abs32", typ: uint32(R_AARCH64_ABS32), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "prel32", typ: uint32(R_AARCH64_PREL32), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "adr_prel_pg_hi21", typ: uint32(R_AARCH64_ADR_PREL_PG_HI21), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "copy", typ: uint32(R_AARCH64_COPY), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "undefined", typ: uint32(R_AARCH64_GLOB_DAT), pass: global, before: "0000000000000000", status: reloc.Undefined},
		{what: "undefined call26", typ: uint32(R_AARCH64_CALL26), pass: global, before: "00000094", status: reloc.Undefined},
		{what: "a place of seven bytes", typ: uint32(R_AARCH64_ABS64), pass: global, s: s, before: "11223344556677", status: reloc.Outside},
	})
}

func TestARMv7(t *testing.T) {
	const b, p = 0x20000000, 0x20000100
	testApply(t, "armv7", []applied{
		{what: "none", typ: uint32(R_ARM_NONE), pass: global, rel: true, before: "11223344", status: reloc.Skipped},
		// 0x30001000 + (-4)
		{what: "abs32", typ: uint32(R_ARM_ABS32), pass: global, rel: true, b: b, p: p, s: 0x30001000, a: -4,
			before: "fcffffff ee", after: "fc0f0030 ee"},
		// Even of a table with addends the kernel takes the word at the place:
		// 0x30001000 + 0x10, not + 8.
		{what: "abs32 with an addend in the table", typ: uint32(R_ARM_ABS32), pass: global, b: b, p: p, s: 0x30001000, a: 8,
			before: "10000000 ee", after: "10100030 ee"},
		{what: "abs32 around the end of the address space", typ: uint32(R_ARM_ABS32), pass: global, rel: true, b: b, p: p, s: 0xfffffff0, a: 0x20,
			before: "20000000", after: "10000000"},
		{what: "jump_slot", typ: uint32(R_ARM_JUMP_SLOT), pass: global, rel: true, b: b, p: p, s: 0x30001000, a: 0x1234,
			before: "34120000 ee", after: "00100030 ee"},
		{what: "relative", typ: uint32(R_ARM_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x18e2,
			before: "e2180000 ee", after: "e2180020 ee"},
		{what: "relative into the set", typ: uint32(R_ARM_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x2004,
			before: "04200000", after: "04000031", set: true},
		{what: "relative to the end of the set", typ: uint32(R_ARM_RELATIVE), pass: local, rel: true, b: b, p: p, a: 0x2040,
			before: "40200000", after: "40200020"},
		{what: "relative in the global pass", typ: uint32(R_ARM_RELATIVE), pass: global, rel: true, before: "e2180020", a: 0x200018e2, status: reloc.Skipped},
		{what: "abs32 in the local pass", typ: uint32(R_ARM_ABS32), pass: local, rel: true, before: "e2180020", status: reloc.Skipped},
		{what: "glob_dat", typ: uint32(R_ARM_GLOB_DAT), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "rel32", typ: uint32(R_ARM_REL32), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "movw", typ: uint32(R_ARM_MOVW_ABS_NC), pass: global, rel: true, before: "000000e3", status: reloc.Unknown},
		{what: "movt", typ: uint32(R_ARM_MOVT_ABS), pass: global, rel: true, before: "000040e3", status: reloc.Unknown},
		{what: "irelative", typ: uint32(R_ARM_IRELATIVE), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "copy", typ: uint32(R_ARM_COPY), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "undefined", typ: uint32(R_ARM_ABS32), pass: global, rel: true, before: "04000000", status: reloc.Undefined},
		{what: "a place of three bytes", typ: uint32(R_ARM_ABS32), pass: global, rel: true, before: "112233", status: reloc.Outside},
	})
}

func TestPowerPC(t *testing.T) {
	const b, p = 0x20000000, 0x20000100
	testApply(t, "powerpc", []applied{
		{what: "none", typ: uint32(R_PPC_NONE), pass: global, before: "11223344", status: reloc.Skipped},
		{what: "addr32", typ: uint32(R_PPC_ADDR32), pass: global, b: b, p: p, s: 0x30001000, a: -4,
			before: "11111111 ee", after: "30000ffc ee"},
		// Here the sum is looked up: 0x20001ff0 + 0x20 = 0x20002010.
		{what: "addr32 whose sum is in the set", typ: uint32(R_PPC_ADDR32), pass: global, b: b, p: p, s: 0x20001ff0, a: 0x20,
			before: "00000000", after: "31000010", set: true},
		{what: "addr32 to the end of the set", typ: uint32(R_PPC_ADDR32), pass: global, b: b, p: p, s: 0x20002000, a: 0x40,
			before: "00000000", after: "20002040"},
		{what: "addr32 around the end of the address space", typ: uint32(R_PPC_ADDR32), pass: global, b: b, p: p, s: 0xfffffff0, a: 0x20,
			before: "00000000", after: "00000010"},
		// The high half is rounded, since the low half is added with its sign:
		// 0x30017fff = 0x30010000 + 0x7fff, 0x30018000 = 0x30020000 - 0x8000.
		{what: "addr16_ha rounds down", typ: uint32(R_PPC_ADDR16_HA), pass: global, b: b, p: p, s: 0x30017ffe, a: 1,
			before: "0000 eeee", after: "3001 eeee"},
		{what: "addr16_ha rounds up", typ: uint32(R_PPC_ADDR16_HA), pass: global, b: b, p: p, s: 0x30017fff, a: 1,
			before: "0000 eeee", after: "3002 eeee"},
		{what: "addr16_lo", typ: uint32(R_PPC_ADDR16_LO), pass: global, b: b, p: p, s: 0x30017fff, a: 1,
			before: "0000 eeee", after: "8000 eeee"},
		// (0xffff8000 + 0x8000) >> 16 = 0x10000, cut to 16 bits
		{what: "addr16_ha around the end of the address space", typ: uint32(R_PPC_ADDR16_HA), pass: global, b: b, p: p, s: 0xffff8000,
			before: "1111 eeee", after: "0000 eeee"},
		// The kernel's guess: B < S <= B + A, so the addend is taken to count
		// from B. 0x20000000 + 0x2010 is in the set, at 0x31000010.
		{what: "addr16_lo takes the addend for an offset", typ: uint32(R_PPC_ADDR16_LO), pass: global, b: b, p: p, s: 0x20001000, a: 0x2010,
			before: "0000 eeee", after: "0010 eeee", set: true},
		{what: "addr16_ha takes the addend for an offset", typ: uint32(R_PPC_ADDR16_HA), pass: global, b: b, p: p, s: 0x20001000, a: 0x2010,
			before: "0000 eeee", after: "3100 eeee", set: true},
		// S = B + A is the last that is taken so, and S = B the last that is not.
		{what: "addr16_lo at the upper end of the guess", typ: uint32(R_PPC_ADDR16_LO), pass: global, b: b, p: p, s: 0x20001234, a: 0x1234,
			before: "0000", after: "1234"},
		{what: "addr16_lo above the guess", typ: uint32(R_PPC_ADDR16_LO), pass: global, b: b, p: p, s: 0x20001235, a: 0x1234,
			before: "0000", after: "2469"},
		{what: "addr16_lo of the base", typ: uint32(R_PPC_ADDR16_LO), pass: global, b: b, p: p, s: 0x20000000, a: 0x1234,
			before: "0000", after: "1234"},
		{what: "relative", typ: ppcRelative, pass: local, b: b, p: p, a: 0x18e2,
			before: "11111111 ee", after: "200018e2 ee"},
		{what: "relative into the set", typ: ppcRelative, pass: local, b: b, p: p, a: 0x203f,
			before: "00000000", after: "3100003f", set: true},
		{what: "relative to the end of the set", typ: ppcRelative, pass: local, b: b, p: p, a: 0x2040,
			before: "00000000", after: "20002040"},
		{what: "jmp_slot is new in 13", typ: uint32(R_PPC_JMP_SLOT), kernel: "12.1", pass: global, b: b, p: p, s: 0x30001000,
			before: "00000000", status: reloc.Unknown},
		{what: "jmp_slot", typ: uint32(R_PPC_JMP_SLOT), kernel: "13.0", pass: global, b: b, p: p, s: 0x30001000, a: 4,
			before: "00000000 ee", after: "30001004 ee"},
		{what: "irelative is new in 13", typ: ppcIrelative, kernel: "12.1", pass: ifunc, b: b, p: p, a: 0x400,
			before: "00000000", status: reloc.Unknown},
		{what: "irelative", typ: ppcIrelative, kernel: "13.0", pass: ifunc, b: b, p: p, a: 0x400,
			before: "00000000", after: "20000400"},
		{what: "a table without addends", typ: uint32(R_PPC_ADDR32), pass: global, rel: true, before: "00000000", status: reloc.Unknown},
		{what: "addr16_hi", typ: uint32(R_PPC_ADDR16_HI), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "rel24", typ: uint32(R_PPC_REL24), pass: global, before: "48000001", status: reloc.Unknown},
		{what: "glob_dat", typ: uint32(R_PPC_GLOB_DAT), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "copy", typ: uint32(R_PPC_COPY), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "undefined", typ: uint32(R_PPC_ADDR32), pass: global, before: "00000000", status: reloc.Undefined},
		{what: "undefined addr16_ha", typ: uint32(R_PPC_ADDR16_HA), pass: global, before: "0000", status: reloc.Undefined},
		{what: "a place of one byte", typ: uint32(R_PPC_ADDR16_LO), pass: global, s: 0x30001000, before: "11", status: reloc.Outside},
	})
}

// TestPowerPC64 runs the same cases in both byte orders.
func TestPowerPC64(t *testing.T) {
	const b, p, s = 0xc008000001000000, 0xc008000001000100, 0xc000000000801000
	const v1, v2 = 1, 2 // e_flags
	for _, name := range []string{"powerpc64", "powerpc64le"} {
		// Words are written as they are on a big-endian machine.
		w := func(words ...string) string {
			if name == "powerpc64le" {
				for i, word := range words {
					var turned string
					for j := len(word); j > 0; j -= 2 {
						turned += word[j-2 : j]
					}
					words[i] = turned
				}
			}
			return strings.Join(words, " ")
		}
		const zero = "0000000000000000"
		t.Run(name, func(t *testing.T) {
			testApply(t, name, []applied{
				{what: "none", typ: uint32(R_PPC64_NONE), pass: global, before: zero, status: reloc.Skipped},
				{what: "addr64", typ: uint32(R_PPC64_ADDR64), pass: global, b: b, p: p, s: s, a: 0x18,
					before: w("1111111111111111", "ee"), after: w("c000000000801018", "ee")},
				// Unlike on the 32 bit machine the sum is not looked up.
				{what: "addr64 whose sum is in the set", typ: uint32(R_PPC64_ADDR64), pass: global, b: 0x20000000, p: p, s: 0x20001ff0, a: 0x20,
					before: zero, after: w("0000000020002010")},
				{what: "relative", typ: ppcRelative, pass: local, b: b, p: p, a: 0x18e2,
					before: zero, after: w("c0080000010018e2")},
				{what: "relative into the set", typ: ppcRelative, pass: local, b: 0x20000000, p: p, a: 0x2010,
					before: zero, after: w("0000000031000010"), set: true},
				{what: "relative to the end of the set", typ: ppcRelative, pass: local, b: 0x20000000, p: p, a: 0x2040,
					before: zero, after: w("0000000020002040")},
				{what: "jmp_slot of ELFv2", typ: uint32(R_PPC64_JMP_SLOT), pass: global, b: b, p: p, s: s, flags: v2,
					before: w(zero, "eeeeeeeeeeeeeeee"), after: w("c000000000801000", "eeeeeeeeeeeeeeee")},
				// ELFv1: the three words of the descriptor at S.
				{what: "jmp_slot of ELFv1", typ: uint32(R_PPC64_JMP_SLOT), pass: global, b: b, p: p, s: 0x40001000, flags: v1,
					before: w(zero, zero, zero, "ee"), after: w("4000000000001111", "4000000000002222", "4000000000003333", "ee")},
				{what: "jmp_slot of unmarked objects is ELFv1", typ: uint32(R_PPC64_JMP_SLOT), pass: global, b: b, p: p, s: 0x40001000,
					before: w(zero, zero, zero, "ee"), after: w("4000000000001111", "4000000000002222", "4000000000003333", "ee")},
				{what: "jmp_slot of ELFv1 to the kernel", typ: uint32(R_PPC64_JMP_SLOT), pass: global, b: b, p: p, s: 0x40002000, flags: v1,
					before: w(zero, zero, zero, "ee"), after: w("0000000040002000", zero, zero, "ee")},
				{what: "jmp_slot of ELFv1 in two words", typ: uint32(R_PPC64_JMP_SLOT), pass: global, b: b, p: p, s: 0x40001000, flags: v1,
					before: w(zero, zero), status: reloc.Outside},
				{what: "irelative is new in 13", typ: ppcIrelative, kernel: "12.1", pass: ifunc, b: b, p: p, a: 0x400,
					before: zero, status: reloc.Unknown},
				{what: "irelative", typ: ppcIrelative, kernel: "13.0", pass: ifunc, b: b, p: p, a: 0x400,
					before: zero, after: w("c008000001000400")},
				{what: "a table without addends", typ: uint32(R_PPC64_ADDR64), pass: global, rel: true, before: zero, status: reloc.Unknown},
				{what: "glob_dat", typ: uint32(R_PPC64_GLOB_DAT), pass: global, before: zero, status: reloc.Unknown},
				{what: "rel24", typ: uint32(R_PPC64_REL24), pass: global, before: zero, status: reloc.Unknown},
				{what: "thread-local", typ: uint32(R_PPC64_DTPMOD64), pass: global, before: zero, status: reloc.Unknown},
				{what: "undefined", typ: uint32(R_PPC64_ADDR64), pass: global, before: zero, status: reloc.Undefined},
				{what: "a place of seven bytes", typ: uint32(R_PPC64_ADDR64), pass: global, s: s, before: "11223344556677", status: reloc.Outside},
			})
		})
	}
}

func TestRISCV64(t *testing.T) {
	const b, p, s = 0xffffffc001000000, 0xffffffc001000100, 0xffffffc000801000
	testApply(t, "riscv64", []applied{
		{what: "none", typ: uint32(R_RISCV_NONE), pass: global, before: "11223344", status: reloc.Skipped},
		{what: "64", typ: uint32(R_RISCV_64), kernel: "14.0", pass: global, b: b, p: p, s: s, a: 0x18,
			before: "1111111111111111 ee", after: "18108000c0ffffff ee"},
		// Up to 13.1 the kernel forgets the addend.
		{what: "64 in 12", typ: uint32(R_RISCV_64), kernel: "12.1", pass: global, b: b, p: p, s: s, a: 0x18,
			before: "1111111111111111 ee", after: "00108000c0ffffff ee"},
		{what: "64 in 13", typ: uint32(R_RISCV_64), kernel: "13.0", pass: global, b: b, p: p, s: s, a: 0x18,
			before: "1111111111111111 ee", after: "00108000c0ffffff ee"},
		{what: "jump_slot", typ: uint32(R_RISCV_JUMP_SLOT), pass: global, b: b, p: p, s: s,
			before: "1111111111111111 ee", after: "00108000c0ffffff ee"},
		{what: "relative", typ: uint32(R_RISCV_RELATIVE), pass: local, b: b, p: p, a: 0x18e2,
			before: "0000000000000000", after: "e2180001c0ffffff"},
		{what: "relative into the set", typ: uint32(R_RISCV_RELATIVE), pass: local, b: 0x20000000, p: p, a: 0x203f,
			before: "0000000000000000", after: "3f00003100000000", set: true},
		{what: "relative to the end of the set", typ: uint32(R_RISCV_RELATIVE), pass: local, b: 0x20000000, p: p, a: 0x2040,
			before: "0000000000000000", after: "4020002000000000"},
		// lui a0: 0x12345678 = 0x12345000 + 0x678, and 0x12345800 = 0x12346000 - 0x800,
		// since the partner's immediate has a sign. The addend is forgotten.
		{what: "hi20 rounds down", typ: uint32(R_RISCV_HI20), pass: global, b: b, p: p, s: 0x12345678, a: 0x1000,
			before: "37050000 ee", after: "37553412 ee"},
		{what: "hi20 rounds up", typ: uint32(R_RISCV_HI20), pass: global, b: b, p: p, s: 0x12345800,
			before: "37050000 ee", after: "37653412 ee"},
		{what: "hi20 replaces what is there", typ: uint32(R_RISCV_HI20), pass: global, b: b, p: p, s: 0x12345678,
			before: "37f5ffff", after: "37553412"},
		// auipc a0: 0x12345900 - 0x1100 = 0x12344800, rounded up to 0x12345000.
		{what: "pcrel_hi20", typ: uint32(R_RISCV_PCREL_HI20), pass: global, b: b, p: 0x1100, s: 0x12345900, a: 0x4000,
			before: "17050000 ee", after: "17553412 ee"},
		// 0x1000 - 0x3800 = -0x2800 = 0x...ffffd800, rounded up to -0x2000.
		{what: "pcrel_hi20 backward", typ: uint32(R_RISCV_PCREL_HI20), pass: global, b: b, p: 0x3800, s: 0x1000,
			before: "17050000", after: "17e5ffff"},
		// addi a0, a0: the immediate 0x678 fills bits 31 to 20.
		{what: "lo12_i", typ: uint32(R_RISCV_LO12_I), pass: global, b: b, p: p, s: 0x12345678, a: 4,
			before: "1305f5ff ee", after: "13058567 ee"},
		// sw a1, (a0): 0x678 = 0x33 << 5 | 0x18, in bits 31 to 25 and 11 to 7.
		{what: "lo12_s", typ: uint32(R_RISCV_LO12_S), pass: global, b: b, p: p, s: 0x12345678, a: 4,
			before: "2320b500 ee", after: "232cb566 ee"},
		{what: "lo12_s replaces what is there", typ: uint32(R_RISCV_LO12_S), pass: global, b: b, p: p, s: 0x12345678,
			before: "a32fb5fe", after: "232cb566"},
		// The ABI's symbol of these two is the label of the partner; the kernel
		// takes its address for the variable's.
		{what: "pcrel_lo12_i", typ: uint32(R_RISCV_PCREL_LO12_I), pass: global, b: b, p: p, s: 0x12345678,
			before: "13050500", after: "13058567"},
		{what: "pcrel_lo12_s", typ: uint32(R_RISCV_PCREL_LO12_S), pass: global, b: b, p: p, s: 0x12345678,
			before: "2320b500", after: "232cb566"},
		// The kernel compares an unsigned difference with -2^20 and -2^32, which
		// every number is below.
		{what: "jal however near", typ: uint32(R_RISCV_JAL), pass: global, b: b, p: 0x1000, s: 0x1008,
			before: "ef000000", status: reloc.Overflow},
		{what: "jal backward", typ: uint32(R_RISCV_JAL), pass: global, b: b, p: 0x1000, s: 0xff8,
			before: "ef000000", status: reloc.Overflow},
		{what: "call however near", typ: uint32(R_RISCV_CALL), pass: global, b: b, p: 0x1000, s: 0x2008,
			before: "97000000e7800000", status: reloc.Overflow},
		{what: "hi20 in the local pass", typ: uint32(R_RISCV_HI20), pass: local, s: 0x1000, before: "37050000", status: reloc.Skipped},
		{what: "a table without addends", typ: uint32(R_RISCV_64), pass: global, rel: true, before: "0000000000000000", status: reloc.Unknown},
		{what: "32", typ: uint32(R_RISCV_32), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "call_plt", typ: uint32(R_RISCV_CALL_PLT), pass: global, before: "97000000e7800000", status: reloc.Unknown},
		{what: "branch", typ: uint32(R_RISCV_BRANCH), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "got_hi20", typ: uint32(R_RISCV_GOT_HI20), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "relax", typ: uint32(R_RISCV_RELAX), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "copy", typ: uint32(R_RISCV_COPY), pass: global, before: "00000000", status: reloc.Unknown},
		{what: "irelative", typ: 58, pass: global, before: "0000000000000000", status: reloc.Unknown},
		{what: "undefined", typ: uint32(R_RISCV_64), pass: global, before: "0000000000000000", status: reloc.Undefined},
		{what: "undefined jal", typ: uint32(R_RISCV_JAL), pass: global, before: "ef000000", status: reloc.Undefined},
		{what: "a place of seven bytes", typ: uint32(R_RISCV_64), pass: global, s: s, before: "11223344556677", status: reloc.Outside},
	})
}

// TestAccepted holds each machine to the list of types that its kernel applies,
// for every number a type can reasonably have: one that is forgotten or too
// many changes what modules are refused.
func TestAccepted(t *testing.T) {
	type types = map[uint32]string // the first release that knows the type
	any := ""
	for name, accepted := range map[string]types{
		"i386":  {1: any, 2: any, 6: any, 7: "14.0", 8: any, 42: any},
		"amd64": {1: any, 2: any, 4: any, 6: any, 7: any, 8: any, 11: any, 37: any},
		"aarch64": {257: any, 1025: any, 1026: any, 1027: any, 279: "13.0", 280: "13.0", 282: "13.0", 283: "13.0",
			1032: "13.0"},
		"armv7":       {2: any, 22: any, 23: any},
		"powerpc":     {1: any, 4: any, 6: any, 21: "13.0", 22: any, 248: "13.0"},
		"powerpc64":   {21: any, 22: any, 38: any, 248: "13.0"},
		"powerpc64le": {21: any, 22: any, 38: any, 248: "13.0"},
		"riscv64":     {2: any, 3: any, 5: any, 17: any, 18: any, 23: any, 24: any, 25: any, 26: any, 27: any, 28: any},
	} {
		a, err := arch.ByName(name)
		require.NoError(t, err)
		m := reloc.For(a)
		for _, p := range profile.All {
			for typ := uint32(1); typ < 1100; typ++ {
				known := false
				for _, pass := range []reloc.Pass{local, global, ifunc} {
					o := reloc.Op{Profile: p, Memory: make([]byte, 32), Addends: true, Resolver: &fake{symbols: map[uint32]uint64{1: 0}}}
					o.Type, o.Symbol, o.Pass = typ, 1, pass
					m.Apply(&o)
					known = known || o.Status == reloc.Applied || o.Status == reloc.Overflow
				}
				since, want := accepted[typ]
				if want && since != any {
					first, err := profile.Parse(since)
					require.NoError(t, err)
					want = p.AtLeast(first.Major, first.Minor)
				}
				require.Equal(t, want, known, "%s (%d) on FreeBSD %s, %s", m.Name(typ), typ, p.Name(), name)
			}
		}
	}
}

// TestDropsAddend says when a rule must warn that an addend is forgotten.
func TestDropsAddend(t *testing.T) {
	riscv, err := arch.ByName("riscv64")
	require.NoError(t, err)
	old, err := profile.Parse("13.0")
	require.NoError(t, err)
	m := reloc.For(riscv)
	require.True(t, m.DropsAddend(&reloc.Record{Type: uint32(R_RISCV_64), A: 8}, old))
	require.False(t, m.DropsAddend(&reloc.Record{Type: uint32(R_RISCV_64), A: 0}, old))
	require.False(t, m.DropsAddend(&reloc.Record{Type: uint32(R_RISCV_RELATIVE), A: 8}, old))
	require.False(t, m.DropsAddend(&reloc.Record{Type: uint32(R_RISCV_64), A: 8}, profile.Newest()))
}

// TestInPlace decodes addends that compilers leave in instructions and data.
func TestInPlace(t *testing.T) {
	for _, c := range []struct {
		arch  string
		typ   uint32
		bytes string
		want  int64
		ok    bool
	}{
		{"i386", uint32(R_386_32), "fcffffff", -4, true},
		{"i386", uint32(R_386_PC32), "00010000", 0x100, true},
		{"i386", uint32(R_386_16), "feff", -2, true},
		{"i386", uint32(R_386_8), "80", -128, true},
		{"i386", uint32(R_386_8), "", 0, false},
		{"i386", uint32(R_386_16), "01", 0, false},
		{"i386", uint32(R_386_32), "010203", 0, false},
		{"armv7", uint32(R_ARM_ABS32), "f8ffffff", -8, true},
		// movw r0, #0x8004: imm4 8, imm12 4, a signed 16 bit addend.
		{"armv7", uint32(R_ARM_MOVW_ABS_NC), "040008e3", -0x7ffc, true},
		{"armv7", uint32(R_ARM_MOVT_ABS), "040040e3", 4, true},
		// movw r0, #0x1a34 in Thumb: imm4 1, i 1, imm3 2, imm8 0x34.
		{"armv7", uint32(R_ARM_THM_MOVW_ABS_NC), "41f63420", 0x1a34, true},
		// bl with imm24 -2: times four, -8.
		{"armv7", uint32(R_ARM_CALL), "feffffeb", -8, true},
		// 31 bits with a sign: 0x7ffffff8 is -8.
		{"armv7", uint32(R_ARM_PREL31), "f8ffff7f", -8, true},
		{"armv7", uint32(R_ARM_THM_PC22), "fff7feff", 0, false},
		{"armv7", uint32(R_ARM_ABS32), "0102", 0, false},
		{"amd64", uint32(R_X86_64_64), "0100000000000000", 0, false},
	} {
		a, err := arch.ByName(c.arch)
		require.NoError(t, err)
		m := reloc.For(a)
		got, ok := m.InPlace(c.typ, unhex(t, c.bytes))
		require.Equal(t, c.ok, ok, "%s %s", m.Name(c.typ), c.bytes)
		require.Equal(t, c.want, got, "%s %s", m.Name(c.typ), c.bytes)
	}
}
