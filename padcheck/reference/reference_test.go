package reference_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
)

func reader(t *testing.T, path ...string) *reference.Reader {
	t.Helper()
	f, err := object.Open(filepath.Join(append([]string{"..", "..", "testdata"}, path...)...))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	r, err := reference.NewReader(f)
	require.NoError(t, err)
	return r
}

// TestBounds: an undefined __start_NAME is the start of the section NAME, and
// __stop_NAME its end, which the linker says only in stage 2.
func TestBounds(t *testing.T) {
	r := reader(t, "objects", "i386", "captured_set.o")
	methods := r.File.Section("set_methods")
	require.NotNil(t, methods)
	starts, stops := 0, 0
	require.NoError(t, r.Each(func(ref *reference.Reference) error {
		name := r.Symbols.NameOf(ref.Symbol)
		bound := strings.HasPrefix(name, "__start_") || strings.HasPrefix(name, "__stop_")
		require.Equal(t, bound, ref.Bound, name)
		switch name {
		case "__start_set_methods":
			starts++
			require.Equal(t, ref.Addend, ref.Target)
			require.Same(t, methods, ref.To)
		case "__stop_set_methods":
			stops++
			require.Equal(t, int64(methods.Size)+ref.Addend, ref.Target)
			require.Same(t, methods, ref.To)
		}
		return nil
	}))
	require.NotZero(t, starts)
	require.NotZero(t, stops)
}

// TestNoObject refuses what has no references left.
func TestNoObject(t *testing.T) {
	f, err := object.Open(filepath.Join("..", "..", "testdata", "witness", "i386", "mix.ko"))
	require.NoError(t, err)
	defer f.Close()
	_, err = reference.NewReader(f)
	require.ErrorContains(t, err, "mix.ko: not a relocatable object")
}

// TestNames names offsets of a set as people would: by the variable that holds
// it, else by the one before, else by the first.
func TestNames(t *testing.T) {
	r := reader(t, "witness", "i386", "mix.kld")
	n := r.Names(r.File.Section("set_vnet"))
	start, stop, ok := n.Extent()
	require.True(t, ok)
	require.Zero(t, start)
	require.Equal(t, int64(r.File.Section("set_vnet").Size), stop)
	for offset, want := range map[int64]reference.Variable{
		0:        {Name: "vnet_entry_head"},
		4:        {Name: "vnet_entry_head", Offset: 4},
		8:        {Name: "vnet_entry_tail"},
		12:       {Name: "vnet_entry_arr"},
		12 + 95:  {Name: "vnet_entry_arr", Offset: 95},
		stop - 4: {Name: "vnet_entry_cb"},
		stop:     {Name: "vnet_entry_cb", Offset: 4},
		stop + 8: {Name: "vnet_entry_cb", Offset: 12},
		-16:      {Name: "vnet_entry_head", Offset: -16},
	} {
		require.Equal(t, want, n.At(offset), "%d", offset)
	}
	none := r.Names(r.File.Section(".comment"))
	require.Equal(t, reference.Variable{Name: ".comment", Offset: 3}, none.At(3))
	_, _, ok = none.Extent()
	require.False(t, ok)
}
