package loader_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelf"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelfobj"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

const witnessDir = "../../testdata/witness"

// witnessed is a line of mix.trace: what FreeBSD 12.1's own code did.
type witnessed struct {
	base, off, before, after uint64
	typ                      uint32
	width                    uint8
	refused                  bool
	set                      string
}

// TestWitness compares the dry run with what the unmodified relocation code of
// the FreeBSD 12.1 kernel made of one module on seven architectures, relocation
// by relocation.
func TestWitness(t *testing.T) {
	dirs, err := filepath.Glob(witnessDir + "/*/mix.ko")
	require.NoError(t, err)
	require.Len(t, dirs, 7)
	p, err := profile.Parse("12.1")
	require.NoError(t, err)
	for _, ko := range dirs {
		dir := filepath.Dir(ko)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			f, err := object.Open(ko)
			require.NoError(t, err)
			defer f.Close()
			k := loader.NewKernel(f.Arch, p, loader.Addresses{Module: 0x20000000, Vnet: 0x30000000, Pcpu: 0x31000000})
			k.Symbols, err = loader.ReadSymbols(filepath.Join(dir, "mix.syms"))
			require.NoError(t, err)
			m := load(t, k, f)

			byPlace := map[uint64]reloc.Record{}
			for _, r := range m.Trace {
				byPlace[r.P] = r
			}
			lines := readWitness(t, filepath.Join(dir, "mix.trace"))
			for _, w := range lines {
				r, ok := byPlace[w.base+w.off]
				require.True(t, ok, "no record for the place %#x", w.base+w.off)
				require.Equal(t, w.typ, r.Type, "type at %#x", r.P)
				require.Equal(t, w.refused, r.Status != reloc.Applied, "refusal at %#x: %v", r.P, r.Status)
				if w.refused {
					continue
				}
				require.Equal(t, w.width, r.Width, "width at %#x", r.P)
				require.Equal(t, fmt.Sprintf("%#x -> %#x", w.before, w.after), fmt.Sprintf("%#x -> %#x", r.Before, r.After), "at %#x", r.P)
				in := "-"
				if s := k.SetHolding(r.After); s != nil {
					in = strings.TrimPrefix(s.Name, "set_")
				}
				require.Equal(t, w.set, in, "set of the result %#x at %#x", r.After, r.P)
			}
			require.Len(t, m.Trace, len(lines))
		})
	}
}

// load loads a file with whichever loader accepts it.
func load(t *testing.T, k *loader.Kernel, f *object.File) *loader.Module {
	t.Helper()
	for _, l := range []loader.Loader{linkelf.Loader{}, linkelfobj.Loader{}} {
		if l.Accepts(f) {
			m, err := l.Load(k, f)
			require.NoError(t, err)
			return m
		}
	}
	t.Fatalf("%s: no loader accepts it", f.Path)
	return nil
}

// readWitness reads a trace, without the lines of relocations that do nothing.
func readWitness(t *testing.T, path string) []witnessed {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var lines []witnessed
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		values := map[string]uint64{}
		refused := false
		for _, field := range fields[2:] {
			key, text, _ := strings.Cut(field, "=")
			if key == "rc" {
				refused = text != "0"
				continue
			}
			if v, err := strconv.ParseUint(text, 0, 64); err == nil {
				values[key] = v
			}
		}
		lines = append(lines, witnessed{
			base: values["base"], off: values["off"], before: values["before"], after: values["after"],
			typ: uint32(values["type"]), width: uint8(values["w"]), refused: refused, set: fields[len(fields)-1],
		})
	}
	require.NotEmpty(t, lines)
	return lines
}
