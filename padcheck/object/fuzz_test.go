package object_test

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

	"github.com/kmodpad/kmodpad/padcheck/object"
)

// seeds are real files: modules of every architecture, the outputs of stage 1
// they were linked from, and compilers' objects.
func seeds(tb testing.TB) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"witness/*/mix.ko", "witness/*/mix.kld", "objects/i386/*.o"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", pattern))
		require.NoError(tb, err)
		require.NotEmpty(tb, paths, pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(tb, err)
			files[path] = data
		}
	}
	return files
}

// budget fails a test that takes longer or allocates more than its input
// explains. Tables are decoded in place, so reading costs a few times the file.
func budget(tb testing.TB, input int, fn func()) {
	tb.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	fn()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	require.LessOrEqual(tb, allocated, uint64(1<<20+64*input), "bytes allocated for an input of %d bytes", input)
	require.Less(tb, took, time.Second+time.Duration(input)*10*time.Microsecond, "for an input of %d bytes", input)
}

// requireLine says that an error is one line which names the file and can be
// printed on a terminal.
func requireLine(tb testing.TB, err error, path string) {
	tb.Helper()
	text := err.Error()
	require.True(tb, strings.HasPrefix(text, path+": "), "does not begin with the file's name: %q", text)
	require.NotEqual(tb, -1, strings.IndexFunc(text[len(path):], unicode.IsLetter), "says nothing: %q", text)
	require.Equal(tb, -1, strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), "not printable: %q", text)
}

// walk calls every accessor for all there is in a file and sums up what they
// returned.
func walk(tb testing.TB, f *object.File) string {
	sum := fnv.New64a()
	note := func(args ...any) { fmt.Fprintln(sum, args...) }
	note(f.Arch, f.Type, f.Flags, f.Size, f.ProgramHeaders, f.SymbolSize(), f.RelocationSize(false), f.RelocationSize(true))
	for i := range f.Sections {
		s := &f.Sections[i]
		data, err := f.Data(s)
		require.NoError(tb, err, "the reader has checked that section %d is inside", i)
		note(*s, s.Alloc(), s.Contains(s.Addr), s.Contains(s.Addr+s.Size), len(data))
		first := f.Section(s.Name)
		require.NotNil(tb, first)
		require.LessOrEqual(tb, first.Index, s.Index)
		if t, err := f.Relocations(s); err == nil {
			for j := range t.Len {
				note(t.At(j))
			}
			require.NoError(tb, t.Err())
		} else {
			requireLine(tb, err, f.Path)
		}
	}
	for i := range f.Segments {
		s := &f.Segments[i]
		data, err := f.SegmentData(s)
		require.NoError(tb, err)
		note(*s, len(data))
	}
	for _, typ := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		t, err := f.Symbols(typ)
		if err != nil {
			requireLine(tb, err, f.Path)
			continue
		}
		for j := range uint32(t.Len) + 2 { // beyond the end are null symbols
			s := t.At(j)
			name := t.Name(s)
			note(s, s.Bind(), s.Type(), s.Defined(), name == t.NameOf(j))
			if name != "" {
				require.True(tb, t.Named(s, name))
				require.False(tb, t.Named(s, name+"x"))
				require.False(tb, t.Named(s, name[1:]))
			}
		}
	}
	for _, i := range []uint32{0, 1, uint32(len(f.Sections)), 0xfff1, 0xffffffff} {
		note(f.SectionAt(i) == nil)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// FuzzParse reads a file in memory and in pieces, twice each: everything that
// the readers give must be the same, the input must stay as it was, and no
// input may cost more than its size explains.
func FuzzParse(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Add([]byte{})
	f.Add([]byte("BC\xc0\xde"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		budget(t, len(data), func() {
			a, errA := object.Parse("a.ko", data)
			b, errB := object.New("a.ko", bytes.NewReader(data), int64(len(data)))
			if errA != nil {
				require.Error(t, errB)
				require.Equal(t, errA.Error(), errB.Error())
				requireLine(t, errA, "a.ko")
				return
			}
			require.NoError(t, errB)
			sum := walk(t, a)
			require.Equal(t, sum, walk(t, a), "a second look")
			require.Equal(t, sum, walk(t, b), "read in pieces")
			require.NoError(t, b.Close())
		})
		require.True(t, bytes.Equal(before, data), "the input was changed")
	})
}
