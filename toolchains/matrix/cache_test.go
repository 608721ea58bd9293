package matrix

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCache(t *testing.T) {
	c := NewCache(t.TempDir())
	k := key("a", "b")
	_, ok := c.get("x", k)
	require.False(t, ok)
	c.put("x", k, []byte("what was found out"))
	data, ok := c.get("x", k)
	require.True(t, ok)
	require.Equal(t, "what was found out", string(data))
	require.NotEqual(t, key("ab", ""), key("a", "b"))

	// Whatever is damaged, in whatever place, is not believed.
	whole, err := os.ReadFile(c.path("x", k))
	require.NoError(t, err)
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		require.NoError(t, os.WriteFile(c.path("x", k), damaged, 0o644))
		if data, ok := c.get("x", k); ok {
			require.Equal(t, byte('\n'), whole[i], "byte %d", i) // it separates, and says nothing
			require.Equal(t, "what was found out", string(data))
		}
		require.NoError(t, os.WriteFile(c.path("x", k), whole[:i], 0o644))
		_, ok = c.get("x", k)
		require.False(t, ok, "cut after %d bytes", i)
	}
	require.NoError(t, c.Err())
}

// A cache that cannot be written to is one that keeps nothing, and says so.
func TestCacheWithoutRoom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	c := NewCache(file)
	c.put("x", key("a"), []byte("b"))
	_, ok := c.get("x", key("a"))
	require.False(t, ok)
	require.ErrorContains(t, c.Err(), "results are not kept")
}

// A program that changed is another program, even when it has the same name and
// size; one that was only touched is not.
func TestSum(t *testing.T) {
	c := NewCache(t.TempDir())
	name := filepath.Join(t.TempDir(), "ld")
	sum := func() string {
		s, err := c.sum(name)
		require.NoError(t, err)
		return s
	}
	require.NoError(t, os.WriteFile(name, []byte("one"), 0o755))
	first := sum()
	require.NoError(t, os.Chtimes(name, time.Time{}, time.Now().Add(time.Hour)))
	require.Equal(t, first, sum())
	require.NoError(t, os.WriteFile(name, []byte("two"), 0o755))
	require.NoError(t, os.Chtimes(name, time.Time{}, time.Now().Add(2*time.Hour)))
	require.NotEqual(t, first, sum())
	_, err := c.sum(filepath.Dir(name))
	require.ErrorContains(t, err, "no file")
}

// What is used stays, what has not been used for a month goes.
func TestTrim(t *testing.T) {
	c := NewCache(t.TempDir())
	used, unused := key("used"), key("unused")
	c.put("x", used, nil)
	c.put("x", unused, nil)
	now := time.Now()
	c.trim(now.Add(20 * 24 * time.Hour))
	for _, k := range []string{used, unused} {
		require.NoError(t, os.Chtimes(c.path("x", k), time.Time{}, now.Add(-40*24*time.Hour)))
	}
	_, ok := c.get("x", used)
	require.True(t, ok)
	c.trim(now.Add(20*24*time.Hour + time.Hour))
	_, ok = c.get("x", unused)
	require.True(t, ok, "once a day is enough")
	require.NoError(t, os.Chtimes(c.path("x", unused), time.Time{}, now.Add(-40*24*time.Hour)))
	c.trim(now.Add(22 * 24 * time.Hour))
	_, ok = c.get("x", used)
	require.True(t, ok)
	_, ok = c.get("x", unused)
	require.False(t, ok)
}
