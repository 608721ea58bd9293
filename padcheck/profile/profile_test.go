package profile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]string{
		"12.1": "12.1", "13.0": "13.0", "14.0": "14.0", "15.0": "15.0",
		"12": "12.1", "13": "13.0", "14": "14.0", "15": "15.0",
		"": "15.0",
	} {
		p, err := profile.Parse(name)
		require.NoError(t, err, name)
		require.Equal(t, want, p.Name(), name)
	}
	for _, name := range []string{"11", "16", "12.9", "12.1.0", "012", "fourteen", " 14", "-1", "14.", "."} {
		p, err := profile.Parse(name)
		require.Nil(t, p)
		require.EqualError(t, err, `unknown kernel profile "`+name+`": kmodpad knows 12.1, 13.0, 14.0, 15.0`)
	}
}

// TestAll holds the list to its order, by which the newest is found.
func TestAll(t *testing.T) {
	for i, p := range profile.All[1:] {
		older := profile.All[i]
		require.True(t, p.AtLeast(older.Major, older.Minor))
		require.False(t, older.AtLeast(p.Major, p.Minor))
		require.Greater(t, p.OSVersion, older.OSVersion)
	}
	require.Same(t, profile.All[len(profile.All)-1], profile.Newest())
}

func TestAtLeast(t *testing.T) {
	p := &profile.Profile{Major: 13, Minor: 2}
	for _, c := range []struct {
		major, minor int
		want         bool
	}{{13, 2, true}, {13, 1, true}, {12, 9, true}, {13, 3, false}, {14, 0, false}, {14, 2, false}} {
		require.Equal(t, c.want, p.AtLeast(c.major, c.minor), "%d.%d", c.major, c.minor)
	}
}

// TestReadsHeaders: preload_protect came to aarch64 with 14.
func TestReadsHeaders(t *testing.T) {
	for _, a := range arch.All {
		for _, p := range profile.All {
			require.Equal(t, a.Name == "aarch64" && p.Major >= 14, p.ReadsHeaders(a), "%s, FreeBSD %s", a, p.Name())
		}
	}
}
