package templates

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/Masterminds/sprig/v3"
	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"
)

// Every function that templates may call exists, and none of those that sprig
// itself calls unrepeatable is among them.
func TestFunctionsAreRepeatable(t *testing.T) {
	hermetic := sprig.HermeticTxtFuncMap()
	for _, name := range functions {
		require.Contains(t, hermetic, name)
	}
	for _, name := range []string{"env", "now", "randInt", "uuidv4", "genPrivateKey", "keys", "values", "shuffle"} {
		require.NotContains(t, funcMap(), name)
	}
}

func TestRenderUnknown(t *testing.T) {
	_, err := Render("no-such-thing", nil)
	require.ErrorContains(t, err, "no-such-thing")
}

func TestWrite(t *testing.T) {
	fsys := afero.NewMemMapFs()
	wrote, err := Write(fsys, "a/b/c", []byte("one"))
	require.NoError(t, err)
	require.True(t, wrote)

	wrote, err = Write(fsys, "a/b/c", []byte("one"))
	require.NoError(t, err)
	require.False(t, wrote, "the same bytes are not written again")

	wrote, err = Write(fsys, "a/b/c", []byte("two"))
	require.NoError(t, err)
	require.True(t, wrote)
	text, err := afero.ReadFile(fsys, "a/b/c")
	require.NoError(t, err)
	require.Equal(t, "two", string(text))
}

// noRename fails where a full disk or a lost folder would.
type noRename struct{ afero.Fs }

func (noRename) Rename(string, string) error { return errors.New("no rename today") }

func TestWriteLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	_, err := Write(noRename{afero.NewOsFs()}, filepath.Join(dir, "file"), []byte("one"))
	require.ErrorContains(t, err, "no rename today")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
