package matrix

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShardProcess is no test: it is what each machine of a CI engine does, for
// TestShardsAsProcesses to run as a process of its own.
func TestShardProcess(t *testing.T) {
	shard, dir := os.Getenv("KMODPAD_TEST_SHARD"), os.Getenv("KMODPAD_TEST_DIR")
	if shard == "" {
		t.Skip("run by TestShardsAsProcesses")
	}
	whole, err := ReadPlanFile(filepath.Join(dir, PlanFile))
	require.NoError(t, err)
	part, err := ParseShard(shard)
	require.NoError(t, err)
	cache := NewCache(filepath.Join(dir, "cache-"+filepath.Base(shard)+shard[:1])) // each machine has its own
	found, err := Find(context.Background(), cache, os.Getenv("PATH"))
	require.NoError(t, err)
	m, _, err := Run(t.Context(), whole.Cut(part), NewTools(found), Options{Cache: cache})
	require.NoError(t, err)
	require.NoError(t, m.Write(filepath.Join(dir, "shards", shard[:1]), whole))
}

func TestShardsAsProcesses(t *testing.T) {
	tools, compiler, linker := realTools(t)
	dir := t.TempDir()
	p := smallPlan(compiler, linker)
	p.Strategies = []string{"none", "constraint"}
	require.NoError(t, WriteFile(filepath.Join(dir, PlanFile), p.WriteJSON))
	self, err := os.Executable()
	require.NoError(t, err)
	var running []*exec.Cmd
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		c := exec.Command(self, "-test.run=^TestShardProcess$")
		c.Env = append(os.Environ(), "KMODPAD_TEST_SHARD="+shard, "KMODPAD_TEST_DIR="+dir)
		require.NoError(t, c.Start())
		running = append(running, c)
	}
	for _, c := range running {
		require.NoError(t, c.Wait())
	}
	folders, err := filepath.Glob(filepath.Join(dir, "shards", "*"))
	require.NoError(t, err)
	require.Len(t, folders, 3)
	merged, plan, err := MergeFolders(folders)
	require.NoError(t, err)
	require.Equal(t, p, plan)
	whole, _ := mustRun(t, p, tools, Options{Cache: NewCache(t.TempDir())})
	require.Equal(t, jsonOf(t, whole), jsonOf(t, merged), "the parts together are the whole")

	_, _, err = MergeFolders(folders[:2])
	require.ErrorContains(t, err, "cells are missing")
	other := *p
	other.Strategies = []string{"none"}
	require.NoError(t, WriteFile(filepath.Join(folders[0], PlanFile), other.WriteJSON))
	_, _, err = MergeFolders(folders)
	require.ErrorContains(t, err, "holds another plan")
}
