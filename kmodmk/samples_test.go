package kmodmk

import (
	"path/filepath"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/testdata"
)

// What kmod.yaml at the top of the tree says of the samples is what
// samples.yaml, which their tests read, says of them.
func TestSamples(t *testing.T) {
	samples, err := testdata.LoadSamples()
	require.NoError(t, err)
	config, err := Load(afero.NewOsFs(), "../kmod.yaml")
	require.NoError(t, err)
	require.Equal(t, kernelCFlags, samples.KernelCFlags)

	built := make(map[string]*Module)
	for _, m := range config.Modules {
		built[m.Name] = m
	}
	for _, s := range samples.Modules {
		if s.Name == "got_load" { // kmod.yaml says why
			continue
		}
		m := built[s.Name]
		require.NotNil(t, m, "kmod.yaml has no sample %s", s.Name)
		delete(built, s.Name)
		var sources []string
		for _, source := range s.Sources {
			sources = append(sources, filepath.ToSlash(filepath.Join("testdata/samples", source)))
		}
		require.Equal(t, sources, m.Sources, s.Name)
		require.Equal(t, &Exports{Names: s.Exports}, m.Exports, s.Name)
		require.Equal(t, s.Expect, m.Expect, s.Name)
		require.Equal(t, join(samples.CFlags, s.CFlags), m.CFlags, s.Name)
		require.Equal(t, samples.I386CFlags, m.ArchCFlags["i386"], s.Name)
	}
	require.Empty(t, built, "kmod.yaml has modules that are no samples")
}
