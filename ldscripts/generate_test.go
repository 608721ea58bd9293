package ldscripts

import (
	"path/filepath"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// The committed scripts are what Generate writes, byte for byte, and there are
// no others.
func TestCommittedScripts(t *testing.T) {
	memory := afero.NewMemMapFs()
	generated, err := Generate(memory, ".")
	require.NoError(t, err)
	for _, name := range generated {
		want, err := afero.ReadFile(memory, name)
		require.NoError(t, err)
		have, err := afero.ReadFile(afero.NewOsFs(), name)
		require.NoError(t, err, "run: go tool mage generate")
		require.Equal(t, string(want), string(have), "%s: run: go tool mage generate", name)
	}
	committed, err := filepath.Glob("*/ldscript.*")
	require.NoError(t, err)
	require.ElementsMatch(t, generated, committed)
}

func TestGenerateTwiceWritesOnce(t *testing.T) {
	memory := afero.NewMemMapFs()
	first, err := Generate(memory, "scripts")
	require.NoError(t, err)
	require.NotEmpty(t, first)
	second, err := Generate(memory, "scripts")
	require.NoError(t, err)
	require.Empty(t, second)
}

func TestStrategies(t *testing.T) {
	for _, a := range arch.All {
		for _, s := range Strategies {
			text, err := Bytes(a, s)
			require.NoError(t, err)
			if s == None || a.Shape == arch.Relocatable {
				require.Nil(t, text, "%s %s", a, s)
				require.Equal(t, None, s.For(a))
				continue
			}
			require.Contains(t, string(text), "LONG(0x90909090)")
			if s == Constraint {
				require.Contains(t, string(text), "set_vnet : ONLY_IF_RW")
			} else {
				require.NotContains(t, string(text), "set_vnet : ONLY_IF_RW")
			}
		}
	}
	_, err := Parse("mesured")
	require.EqualError(t, err, `unknown strategy "mesured": there are none, upstream, constraint`)
}

func TestFill(t *testing.T) {
	for n, want := range map[uint64][]string{
		0:  nil,
		4:  {"LONG(0x90909090)"},
		7:  {"BYTE(0x90)", "SHORT(0x9090)", "LONG(0x90909090)"},
		8:  {"QUAD(0x9090909090909090)"},
		20: {"QUAD(0x9090909090909090)", "QUAD(0x9090909090909090)", "LONG(0x90909090)"},
	} {
		require.Equal(t, want, fill(n), "%d bytes", n)
	}
}
