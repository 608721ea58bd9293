package loader_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelf"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelfobj"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// loaderOf is the loader that takes a file.
func loaderOf(t *testing.T, f *object.File) loader.Loader {
	t.Helper()
	for _, l := range []loader.Loader{linkelf.Loader{}, linkelfobj.Loader{}} {
		if l.Accepts(f) {
			return l
		}
	}
	t.Fatalf("%s: no loader accepts it", f.Path)
	return nil
}

// TestTwoBases loads each witness at two addresses. Nothing but the places of
// its relocations may differ, and those by the distance of the bases, as far as
// the place or what it refers to moves with the module. The instance area and
// the kernel stay where they are.
func TestTwoBases(t *testing.T) {
	// A page and an odd number of 64 KiB, so that both halves of an address
	// change.
	const low, distance = 0x20000000, 0x31000
	kos, err := filepath.Glob(witnessDir + "/*/mix.ko")
	require.NoError(t, err)
	require.Len(t, kos, 7)
	for _, ko := range kos {
		name := filepath.Base(filepath.Dir(ko))
		t.Run(name, func(t *testing.T) {
			at := func(base uint64) *loader.Module {
				k := bootFor(t, name, "15.0", loader.Addresses{Module: base, Vnet: 0x30000000, Pcpu: 0x31000000})
				k.Symbols, err = loader.ReadSymbols(filepath.Join(filepath.Dir(ko), "mix.syms"))
				require.NoError(t, err)
				return load(t, k, openWitness(t, name))
			}
			a, b := at(low), at(low+distance)
			require.Equal(t, len(a.Trace), len(b.Trace))
			require.Equal(t, len(a.Memory), len(b.Memory))

			relocated := map[uint64]bool{} // offsets in a's map that may differ
			moved := 0
			for i := range a.Trace {
				ra, rb := a.Trace[i], b.Trace[i]
				require.Equal(t, ra.Type, rb.Type)
				require.Equal(t, ra.Status, rb.Status)
				require.Equal(t, ra.Set, rb.Set, "at %#x", ra.P)
				if ra.Status != reloc.Applied {
					continue
				}
				for j := range uint64(ra.Width) {
					relocated[ra.P-a.Address+j] = true
				}
				want := uint64(0)
				target := a.Address <= ra.X && ra.X < a.Address+a.Size && ra.Set == reloc.NoSet
				if target {
					want += distance
				}
				if ra.P >= a.Address && ra.P < a.Address+a.Size && relative(name, ra.Type) {
					want -= distance
				}
				if want != 0 {
					moved++
				}
				got := rb.After - ra.After
				switch {
				case name == "powerpc" && ra.Type == 4: // ADDR16_LO: the lower half
					want &= 0xffff
				case name == "powerpc" && ra.Type == 6: // ADDR16_HA: the upper half, and the carry of the lower
					require.LessOrEqual(t, got-want>>16, uint64(1), "at %#x", ra.P)
					continue
				}
				mask := uint64(1)<<(8*ra.Width-1)<<1 - 1
				require.Equal(t, want&mask, got&mask, "%#x: %#x, %#x: %#x", ra.P, ra.After, rb.P, rb.After)
			}
			require.Greater(t, moved, 3, "the sample shows nothing")

			for i, ma := range a.Memory {
				mb := b.Memory[i]
				require.Equal(t, len(ma.Data), len(mb.Data))
				for j := range ma.Data {
					if ma.Data[j] != mb.Data[j] {
						require.True(t, relocated[ma.Addr-a.Address+uint64(j)], "%#x differs, and no relocation is there", ma.Addr+uint64(j))
					}
				}
			}
		})
	}
}

// relative says whether the value of a type is counted from its place.
func relative(name string, typ uint32) bool {
	return (name == "i386" || name == "amd64") && (typ == 2 || typ == 4)
}
