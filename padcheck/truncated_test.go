package padcheck_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/object"
)

// verifyBytes verifies a module that is in memory: an error is one line about
// the file, and without one there is a report.
func verifyBytes(t *testing.T, s *padcheck.Session, data []byte) (loaded bool) {
	t.Helper()
	m, err := func() (*padcheck.Module, error) {
		f, err := object.Parse("a.ko", data)
		if err != nil {
			return nil, err
		}
		k, err := s.Boot(f)
		if err != nil {
			return nil, err
		}
		m, err := s.Load(k, f)
		if err != nil {
			return nil, err
		}
		return s.Check(k, m)
	}()
	if err != nil {
		require.Nil(t, m)
		require.True(t, strings.HasPrefix(err.Error(), "a.ko: "), "%v", err)
		requireText(t, err.Error())
		require.NotContains(t, err.Error(), "\n")
		return false
	}
	require.NotNil(t, m)
	return true
}

func witnesses(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "witness", "*", "mix.ko"))
	require.NoError(t, err)
	require.Len(t, paths, 7)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(filepath.Dir(path))] = data
	}
	return files
}

// TestTruncated cuts real modules off at every length. The section headers are
// their last part, so that no cut is harmless.
func TestTruncated(t *testing.T) {
	s, err := padcheck.NewSession(padcheck.Options{KLD: padcheck.NoKLD})
	require.NoError(t, err)
	for arch, data := range witnesses(t) {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			for n := range data {
				require.False(t, verifyBytes(t, s, data[:n:n]), "%d bytes of %d are taken for a module", n, len(data))
			}
			require.True(t, verifyBytes(t, s, data))
		})
	}
}

// TestEveryByte spoils real modules in one byte each.
func TestEveryByte(t *testing.T) {
	s, err := padcheck.NewSession(padcheck.Options{KLD: padcheck.NoKLD})
	require.NoError(t, err)
	for arch, data := range witnesses(t) {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			good, bad := 0, 0
			for i, was := range data {
				data[i] = ^was
				if verifyBytes(t, s, data) {
					good++
				} else {
					bad++
				}
				data[i] = was
			}
			require.NotZero(t, good)
			require.NotZero(t, bad)
		})
	}
}
