package loader_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelf"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelfobj"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// digest sums up what a load left behind, so that two can be compared.
func digest(m *loader.Module, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	sum := fnv.New64a()
	note := func(args ...any) { fmt.Fprintln(sum, args...) }
	note(m.Name, m.Address, m.Size, m.Metadata)
	for _, r := range m.Memory {
		note(r.Addr, len(r.Data))
		sum.Write(r.Data[:min(len(r.Data), 1<<20)])
	}
	for _, s := range m.Sets {
		note(s.Name, s.Number, s.Start, s.Stop, s.Base, s.Allocated, len(s.Template))
		sum.Write(s.Template)
	}
	for _, r := range m.Trace {
		note(r)
	}
	for _, p := range m.Problems {
		note(p.Rule, p.Refuses, p.Set, p.Detail)
	}
	for i := range uint32(len(m.File.Sections)) + 1 {
		note(m.SectionAddr(i))
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// requireSound checks what must be so of any module, however damaged.
func requireSound(t *testing.T, k *loader.Kernel, m *loader.Module) {
	t.Helper()
	for _, r := range m.Trace {
		require.NotEqual(t, reloc.Skipped, r.Status)
		if r.Status == reloc.Applied {
			require.NotNil(t, m.Read(r.P, uint64(r.Width)), "place %#x of %d bytes outside the module", r.P, r.Width)
		}
		if r.Set != reloc.NoSet {
			require.NotNil(t, k.SetByNumber(r.Set), "number %d names no set", r.Set)
		}
	}
	for _, s := range m.Sets {
		require.LessOrEqual(t, s.Start, s.Stop)
		require.Same(t, s, k.SetByNumber(s.Number))
	}
	for _, p := range m.Problems {
		requirePrintable(t, p.Detail)
	}
}

func requirePrintable(t *testing.T, text string) {
	t.Helper()
	require.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), "not printable: %q", text)
}

// FuzzLoad loads a file into a kernel of every profile, as what its header says
// it is and as the other kind, twice each. Both runs must end alike, leave the
// input alone, keep to a budget, and give the spaces back when unloaded.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"witness/*/mix.k*", "objects/i386/*.o"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", pattern))
		require.NoError(f, err)
		require.NotEmpty(f, paths)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		for _, typ := range []elf.Type{elf.ET_DYN, elf.ET_REL} {
			for _, p := range profile.All {
				first := loadTwice(t, data, typ, p)
				require.Equal(t, first, loadTwice(t, data, typ, p), "FreeBSD %s, %v", p.Name(), typ)
			}
		}
		require.True(t, bytes.Equal(before, data), "the input was changed")
	})
}

// loadTwice loads a file and then again as a second module into the same
// kernel, where it meets its own sets.
func loadTwice(t *testing.T, data []byte, typ elf.Type, p *profile.Profile) string {
	t.Helper()
	f, err := object.Parse("a.ko", data)
	if err != nil {
		return err.Error()
	}
	f.Type = typ
	var l loader.Loader = linkelf.Loader{}
	if typ == elf.ET_REL {
		l = linkelfobj.Loader{}
	}
	require.True(t, l.Accepts(f))
	k := loader.NewKernel(f.Arch, p, loader.Addresses{})
	totals := map[string]uint64{}
	for _, name := range loader.SetNames {
		totals[name], _ = k.Space(name).Left()
	}
	var digests []string
	var loaded []*loader.Module
	for range 2 {
		m, err := loadCheaply(t, l, k, f)
		digests = append(digests, digest(m, err))
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "a.ko: "), "%v", err)
			requirePrintable(t, err.Error())
			return strings.Join(digests, "\n")
		}
		requireSound(t, k, m)
		loaded = append(loaded, m)
	}
	for i := len(loaded) - 1; i >= 0; i-- {
		require.NoError(t, k.Unload(loaded[i]))
	}
	for _, name := range loader.SetNames {
		left, longest := k.Space(name).Left()
		require.Equal(t, totals[name], left, "%s is not given back", name)
		require.Equal(t, left, longest, "%s is in pieces", name)
	}
	return strings.Join(digests, "\n")
}

// loadCheaply fails a load that costs more than the 256 MiB a map may have, and
// a multiple of the input, explain: a file of a kilobyte must not take a second
// or 300 MB.
func loadCheaply(t *testing.T, l loader.Loader, k *loader.Kernel, f *object.File) (*loader.Module, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	m, err := l.Load(k, f)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	limit := 300_000_000 + 256*f.Size
	if err == nil {
		// What was mapped, a set in the instance space and its template, and
		// records for the relocations.
		limit = m.Size + 3*loader.SetLimit + 1<<20 + 256*f.Size
	}
	require.LessOrEqual(t, allocated, limit, "bytes allocated for a file of %d bytes", f.Size)
	require.Less(t, took, time.Second+time.Duration(f.Size)*10*time.Microsecond, "for a file of %d bytes", f.Size)
	return m, err
}
