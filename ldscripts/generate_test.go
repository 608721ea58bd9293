package ldscripts

import (
	"path/filepath"
	"strings"
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
			scripts := Scripts(a, s)
			if s.First(a) == None {
				require.Empty(t, scripts, "%s %s", a, s)
				continue
			}
			require.NotEmpty(t, scripts, "%s %s", a, s)
			text, err := scripts[len(scripts)-1].Render()
			require.NoError(t, err)
			require.Contains(t, string(text), "0x90909090")
			require.Equal(t, s.First(a) == Constraint, strings.Contains(string(text), "set_vnet : ONLY_IF_RW"))
			require.Equal(t, s == SizedSymbol, len(scripts) == 2 && scripts[0].Stage == 1 && scripts[1].Stage == 2)
		}
	}
	_, err := Parse("mesured")
	require.EqualError(t, err, `unknown strategy "mesured": there are none, upstream, constraint, sized-symbol, measured, auto`)
}

// Nothing is padded in relocatable modules, and auto pads no more at first than
// the kernel looks for.
func TestFirst(t *testing.T) {
	for name, want := range map[string]map[Strategy]Strategy{
		"i386":  {None: None, Upstream: Upstream, Constraint: Constraint, SizedSymbol: SizedSymbol, Measured: Constraint, Auto: Constraint},
		"armv7": {None: None, Upstream: Upstream, Constraint: Constraint, SizedSymbol: SizedSymbol, Measured: Constraint, Auto: None},
		"amd64": {None: None, Upstream: None, Constraint: None, SizedSymbol: None, Measured: None, Auto: None},
	} {
		a, err := arch.ByName(name)
		require.NoError(t, err)
		for _, s := range Strategies {
			require.Equal(t, want[s], s.First(a), "%s %s", name, s)
		}
	}
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
