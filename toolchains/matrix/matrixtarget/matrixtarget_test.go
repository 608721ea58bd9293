package matrixtarget

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/matrix"
)

func write(t *testing.T, state matrix.State) string {
	t.Helper()
	m := &matrix.Matrix{Schema: matrix.Schema, Cells: []matrix.Cell{{
		Coordinates: matrix.Coordinates{Arch: "i386", Compiler: "clang-19", Options: "-O2", Linker: "ld.lld-19", Strategy: "measured", Case: "below"},
		Result:      matrix.Result{State: state, Reason: "because"},
	}}}
	name := filepath.Join(t.TempDir(), "matrix.json")
	require.NoError(t, matrix.WriteFile(name, m.WriteJSON))
	return name
}

// The exit status tells what got worse (1) from what cannot be read (2).
func TestDiff(t *testing.T) {
	good, bad := write(t, matrix.OK), write(t, matrix.Crashed)
	var b strings.Builder
	require.NoError(t, diff(&b, good, good))
	require.NoError(t, diff(&b, bad, good))
	err := diff(&b, good, bad)
	require.Equal(t, 1, mg.ExitStatus(err))
	require.ErrorContains(t, err, "worse in 1 ways")
	require.Contains(t, b.String(), "strategy measured stopped working")
	require.Equal(t, 2, mg.ExitStatus(diff(&b, good, filepath.Join(t.TempDir(), "none.json"))))
}

// What cannot be run ends with status 2 and says why.
func TestUnusable(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	t.Chdir(root)
	t.Setenv("KMODPAD_CACHE", t.TempDir())
	t.Setenv("PATH", t.TempDir()) // no tools: nothing is to be run in earnest
	run := func(arch, shard, plan *string) error {
		return Matrix{}.Run(t.Context(), arch, nil, nil, nil, nil, nil, plan, shard, nil, nil, nil, nil)
	}
	say := func(s string) *string { return &s }
	for says, err := range map[string]error{
		`unknown architecture "vax"`:    run(say("vax"), nil, nil),
		"mage setup":                    run(nil, nil, nil),
		"-plan says what to run":        run(say("i386"), nil, say("plan.json")),
		"no such file":                  run(nil, nil, say(filepath.Join(t.TempDir(), "plan.json"))),
		"no folder matches":             Matrix{}.Merge(filepath.Join(t.TempDir(), "*"), nil, nil),
		"-most=0":                       Matrix{}.Shards("plan.json", new(int)),
		"0 parts: a matrix is run in 1": Matrix{}.CI(t.TempDir(), new(int)),
	} {
		require.ErrorContains(t, err, says)
		require.Equal(t, 2, mg.ExitStatus(err), says)
	}
	eight := 8
	dir := t.TempDir()
	require.NoError(t, Matrix{}.CI(dir, &eight))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
}
