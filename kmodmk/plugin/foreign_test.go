package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A project of someone else's has the targets of package magetarget after one
// line, and builds the modules of its own kmod.yaml.
func TestForeignProject(t *testing.T) {
	t.Parallel()
	goTool := need(t, "go")
	need(t, versioned("ld.lld")...)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	text := strings.Replace(string(mod), "module github.com/kmodpad/kmodpad", "module example.org/foreign", 1) +
		"\nrequire github.com/kmodpad/kmodpad v0.0.0\n\nreplace github.com/kmodpad/kmodpad => " + root + "\n"
	require.Contains(t, text, "example.org/foreign")
	write(t, filepath.Join(dir, "go.mod"), text)
	write(t, filepath.Join(dir, "go.sum"), string(sum))
	write(t, filepath.Join(dir, "magefile.go"), `//go:build mage

package main

import (
	//mage:import
	_ "github.com/kmodpad/kmodpad/kmodmk/magetarget"
)
`)
	samples(t, dir, "vnet_end")
	write(t, filepath.Join(dir, "kmod.yaml"), `
linkers: ["ld.lld*"]
includes: [include]
cflags: [-O1]
modules:
  - {name: vnet_end, sources: [vnet_end.c], exports: all}
`)
	mage := []string{"env", "GOFLAGS=-mod=mod", "GOPROXY=off", "MAGEFILE_CACHE=" + filepath.Join(dir, "cache"), goTool, "tool", "mage"}
	out := must(t, dir, append(mage, "-l")...)
	for _, target := range []string{"kmod:build", "kmod:verify", "kmod:plan"} {
		require.Contains(t, out, target)
	}
	require.Contains(t, must(t, dir, append(mage, "kmod:plan")...), "-Bshareable")
	require.Contains(t, must(t, dir, append(mage, "kmod:build")...), "vnet_end")
	require.Contains(t, must(t, dir, append(mage, "kmod:verify")...), "vnet_end")

	found, err := filepath.Glob(filepath.Join(dir, ".kmod/i386/*/*/*/vnet_end.ko"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
}
