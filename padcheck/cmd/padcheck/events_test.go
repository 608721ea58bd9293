package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
)

// TestEventsCommand prints the events of modules that have none: every phase is
// there, and empty.
func TestEventsCommand(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "witness", "*", "mix.ko"))
	require.NoError(t, err)
	require.Len(t, paths, 7)
	for _, path := range paths {
		status, stdout, stderr := invoke(t, "events", path)
		require.Zero(t, status, stderr)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "\nwhen it is unloaded\n      nothing\n\nwhen the machine is shut down\n      nothing\n")

		status, stdout, stderr = invoke(t, "events", "--profile", "13.0", "--format", "json", path)
		require.Zero(t, status, stderr)
		var e struct {
			Schema  int
			Profile string
			Path    string
			Phases  []struct {
				Name  string
				Steps []any
			}
			Notes []string
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &e))
		require.Equal(t, padcheck.Schema, e.Schema)
		require.Equal(t, "13.0", e.Profile)
		require.Equal(t, path, e.Path)
		require.NotNil(t, e.Notes, "an empty list, not null")
		require.Len(t, e.Phases, len(padcheck.PhaseNames))
		for i, p := range e.Phases {
			require.Equal(t, padcheck.PhaseNames[i], p.Name)
			require.NotNil(t, p.Steps, "an empty list, not null")
		}
	}
}

func TestEventsUsage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.ko")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	requireRefused(t, path, "the file is empty", "events", path)
	for _, args := range [][]string{
		{"events"},
		{"events", path, path},
		{"events", "--format", "sarif", path},
		{"events", "--profile", "99", path},
		{"events", path + ".none"},
	} {
		status, stdout, stderr := invoke(t, args...)
		require.Equal(t, exitUnusable, status, "%q", args)
		require.Empty(t, stdout)
		require.Regexp(t, `^padcheck: [^\n]+\n$`, stderr)
	}
}
