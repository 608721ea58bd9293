package reference_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// FuzzEach reads the references of a file, in memory and in pieces. Both must
// find the same, name it, and cost no more than the size of the file explains.
func FuzzEach(f *testing.F) {
	for _, pattern := range []string{"witness/*/mix.kld", "witness/amd64/mix.ko", "objects/i386/*.o"} {
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
		whole, err := object.Parse("a.o", data)
		if err != nil {
			return // FuzzParse looks at those
		}
		pieces, err := object.New("a.o", bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		require.Equal(t, each(t, whole, len(data)), each(t, pieces, len(data)))
		require.True(t, bytes.Equal(before, data), "the input was changed")
	})
}

// each sums up the references of a file.
func each(t *testing.T, f *object.File, size int) string {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	sum := fnv.New64a()
	count := 0
	err := func() error {
		r, err := reference.NewReader(f)
		if err != nil {
			return err
		}
		names := map[uint32]*reference.Names{}
		return r.Each(func(ref *reference.Reference) error {
			count++
			require.NotEqual(t, reloc.None, ref.Form)
			require.NotNil(t, ref.From)
			fmt.Fprintln(sum, ref.From.Index, ref.Offset, ref.Type, ref.Form, ref.Symbol, ref.Addend, ref.Target, ref.Bound, ref.To != nil)
			if ref.To == nil {
				return nil
			}
			n := names[ref.To.Index]
			if n == nil {
				n = r.Names(ref.To)
				names[ref.To.Index] = n
			}
			fmt.Fprintln(sum, n.At(ref.Target))
			fmt.Fprintln(sum, fmt.Sprint(n.Extent()))
			return nil
		})
	}()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+512*size), "bytes allocated for a file of %d bytes", size)
	require.Less(t, took, time.Second+time.Duration(size)*20*time.Microsecond, "for a file of %d bytes", size)
	require.LessOrEqual(t, count, size/8, "no table holds as many")
	return fmt.Sprintf("%d %x %v", count, sum.Sum(nil), err)
}
