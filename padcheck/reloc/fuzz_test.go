package reloc_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// FuzzApply applies one relocation of any type to any bytes. What is applied
// writes the field that its record shows and nothing behind it, and what is not
// applied writes nothing.
func FuzzApply(f *testing.F) {
	for i := range arch.All {
		for _, typ := range []uint32{1, 2, 3, 4, 8, 21, 22, 23, 24, 26, 257, 283, 1026, 1027} {
			f.Add(uint8(i), uint8(typ), typ, true, uint64(0x1000), uint64(0x20), uint64(0x2000), []byte("\x00\x00\x00\x94\x67\x80\x00\x00"), uint32(2))
			f.Add(uint8(i), uint8(typ), typ, false, uint64(0xc2000000), uint64(0), uint64(0xc2000004), []byte("\xf0\xff\xff\xff"), uint32(1))
		}
	}
	f.Fuzz(func(t *testing.T, machine, kernel uint8, typ uint32, addends bool, s, a, p uint64, memory []byte, flags uint32) {
		m := reloc.For(arch.All[int(machine)%len(arch.All)])
		pr := profile.All[int(kernel)%len(profile.All)]
		for _, pass := range []reloc.Pass{reloc.Local, reloc.Global, reloc.Ifunc} {
			run := func() (reloc.Record, []byte) {
				k := &fake{symbols: map[uint32]uint64{1: s}, memory: map[uint64][]byte{s: memory}}
				o := reloc.Op{B: 0x10000, Flags: flags, Profile: pr, Memory: bytes.Clone(memory), Addends: addends, Resolver: k}
				o.Type, o.Symbol, o.A, o.P, o.Pass = typ, uint32(kernel)>>4&1, a, p, pass
				m.Apply(&o)
				return o.Record, o.Memory
			}
			r, after := run()
			again, afterAgain := run()
			require.Equal(t, r, again)
			require.Equal(t, after, afterAgain)
			require.LessOrEqual(t, r.Status, reloc.Outside)
			require.NotEmpty(t, r.Status.String()+r.Pass.String()+m.Name(typ))
			m.CauseOf(typ)
			m.DropsAddend(&r, pr)
			m.InPlace(typ, memory)
			m.InstructionAt(typ, int64(p))
			if r.Status == reloc.Undefined && m.IgnoresUndefined(typ) {
				continue // zero is written, as the kernel does
			}
			if r.Status != reloc.Applied {
				require.Equal(t, memory, after, "%v, but something was written", r.Status)
				continue
			}
			require.Contains(t, []uint8{2, 4, 8}, r.Width)
			require.Equal(t, r.After, word(m, after[:r.Width]))
			require.Equal(t, r.Before, word(m, memory[:r.Width]))
			end := int(r.Width)
			if m.Arch.Name[:min(len(m.Arch.Name), 9)] == "powerpc64" && typ == 21 {
				end = 24 // a function descriptor is three words
			}
			if end < len(memory) {
				require.Equal(t, memory[end:], after[end:], "written behind the field")
			}
		}
	})
}
