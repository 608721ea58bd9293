package plugin

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// The committed plugins are what Generate writes, byte for byte, and there are
// no others.
func TestCommitted(t *testing.T) {
	memory := afero.NewMemMapFs()
	generated, err := Generate(memory, "files", Options{})
	require.NoError(t, err)
	for _, name := range generated {
		want, err := afero.ReadFile(memory, name)
		require.NoError(t, err)
		have, err := os.ReadFile(name)
		require.NoError(t, err, "generate package plugin's files again")
		require.Equal(t, string(want), string(have), "%s: generate package plugin's files again", name)
	}
	var committed []string
	for _, name := range list(t, "files") {
		committed = append(committed, filepath.Join("files", name))
	}
	require.ElementsMatch(t, generated, committed)
}

// The scripts are those of package ldscripts.
func TestScripts(t *testing.T) {
	for _, a := range arch.All {
		have, err := os.ReadFile(filepath.Join("files", ldscripts.FileName+"."+a.Name))
		if a.Shape == arch.Relocatable {
			require.ErrorIs(t, err, fs.ErrNotExist)
			continue
		}
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join("../../ldscripts", a.Name, ldscripts.FileName))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have))
	}
}

// A change of the link plan, here of an architecture's flags, reaches all of
// them.
func TestPlanReachesAll(t *testing.T) {
	a, err := arch.ByName("i386")
	require.NoError(t, err)
	changed := *a
	changed.LDFlags = append([]string{"--new-ld-flag"}, a.LDFlags...)
	changed.CFlags = append([]string{"-mnew-cflag"}, a.CFlags...)
	changed.StageTwo = append([]string{"--new-stage-two"}, a.StageTwo...)
	changed.Emulations = append([]string{"elf_new"}, a.Emulations...)
	files, err := render([]*arch.Arch{&changed})
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		switch f.name {
		case "kmodpad.kmod.mk", "kmodpad.gnu.mk", "FindKmodpad.cmake":
			found++
			for _, flag := range []string{"--new-ld-flag", "-mnew-cflag", "--new-stage-two", "elf_new"} {
				require.Contains(t, string(f.text), flag, f.name)
			}
		}
	}
	require.Equal(t, 3, found)
}

func TestGenerateKeepsWhatIsThere(t *testing.T) {
	memory := afero.NewMemMapFs()
	require.NoError(t, afero.WriteFile(memory, "d/FindKmodpad.cmake", []byte("mine"), 0o644))
	changed, err := Generate(memory, "d", Options{})
	require.ErrorContains(t, err, "d/FindKmodpad.cmake is there already and differs")
	require.Empty(t, changed)
	there, err := afero.ReadDir(memory, "d")
	require.NoError(t, err)
	require.Len(t, there, 1, "nothing else was written")

	changed, err = Generate(memory, "d", Options{Force: true})
	require.NoError(t, err)
	require.Contains(t, changed, "d/FindKmodpad.cmake")
	changed, err = Generate(memory, "d", Options{})
	require.NoError(t, err)
	require.Empty(t, changed, "the same files are no reason to refuse")
}

func TestGenerateRefusesFolders(t *testing.T) {
	for _, dir := range []string{"", "a\nb", "a\x00b", "a\tb", "\x1b[2J", "a\xffb"} {
		memory := afero.NewMemMapFs()
		_, err := Generate(memory, dir, Options{})
		require.Error(t, err, "%q", dir)
		require.NotContains(t, err.Error(), "\n")
		there, err := afero.ReadDir(memory, ".")
		require.True(t, errors.Is(err, fs.ErrNotExist) || len(there) == 0)
	}
}

// noRename fails where a full disk would.
type noRename struct{ afero.Fs }

func (noRename) Rename(string, string) error { return errors.New("no rename today") }

func TestGenerateIsAtomic(t *testing.T) {
	dir := t.TempDir()
	_, err := Generate(noRename{afero.NewOsFs()}, dir, Options{})
	require.ErrorContains(t, err, "no rename today")
	require.Empty(t, list(t, dir))
}

func TestPlugin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	var out bytes.Buffer
	require.NoError(t, Plugin(t.Context(), &out, &dir, nil))
	require.Contains(t, out.String(), "wrote "+filepath.Join(dir, "kmod.padding.mk")+"\n")
	out.Reset()
	require.NoError(t, Plugin(t.Context(), &out, &dir, nil))
	require.True(t, strings.HasSuffix(out.String(), "nothing to change\n"), out.String())
	write(t, filepath.Join(dir, "kmodpad.gnu.mk"), "mine")
	require.Error(t, Plugin(t.Context(), &out, &dir, nil))
	force := true
	require.NoError(t, Plugin(t.Context(), &out, &dir, &force))
}
