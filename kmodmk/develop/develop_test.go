package develop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFuzzTargets(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a_test.go":           "package a\nfunc FuzzOne(f *testing.F) {}\nfunc TestTwo() {}\nfunc (x y) FuzzMethod() {}\n",
		"b/c/c_test.go":       "package c\nfunc FuzzTwo(f *testing.F) {}\nfunc FuzzThree(f *testing.F) {}\n",
		"b/c/c.go":            "package c\nfunc FuzzNot() {}\n",
		".hidden/d_test.go":   "package d\nfunc FuzzFour(f *testing.F) {}\n",
		"b/testdata/fuzz/txt": "func FuzzNot() {}",
	} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o666))
	}
	targets, err := fuzzTargets(root)
	require.NoError(t, err)
	require.Equal(t, []fuzzTarget{{".", "FuzzOne"}, {"b/c", "FuzzTwo"}, {"b/c", "FuzzThree"}}, targets)
}

// This tree has fuzz targets, and they are found.
func TestFuzzTargetsHere(t *testing.T) {
	targets, err := fuzzTargets("../..")
	require.NoError(t, err)
	require.Contains(t, targets, fuzzTarget{"kmodmk", "FuzzLoad"})
}
