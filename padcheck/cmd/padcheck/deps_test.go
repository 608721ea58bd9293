package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// need is the path of the first of some programs that is installed. If none
// is, the test is skipped, or fails where KMODPAD_REQUIRE=all requires it.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// module builds an i386 module of a few lines into a folder.
func module(t *testing.T, dir, name, source string) string {
	t.Helper()
	clang := need(t, "clang-19", "clang-22", "clang-16", "clang-15", "clang-14", "clang-13", "clang")
	lld := need(t, "ld.lld-19", "ld.lld-22", "ld.lld-16", "ld.lld-15", "ld.lld-14", "ld.lld-13", "ld.lld")
	work := t.TempDir()
	c, o, ko := filepath.Join(work, name+".c"), filepath.Join(work, name+".o"), filepath.Join(dir, name+".ko")
	require.NoError(t, os.WriteFile(c, []byte("#include <kmodpad/module.h>\n#include <kmodpad/vnet.h>\n"+source), 0o600))
	for _, args := range [][]string{
		{clang, "--target=i386-unknown-freebsd14.0", "-ffreestanding", "-fno-pic", "-O1", "-I", filepath.Join("..", "..", "..", "testdata", "include"), "-c", "-o", o, c},
		{lld, "-m", "elf_i386_fbsd", "-Bshareable", "-znotext", "-znorelro", "-o", ko, o},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
	}
	return ko
}

// versioned is the source of a module in some version that depends on others.
func versioned(name string, version int, depends ...string) string {
	source := fmt.Sprintf("MODULE_VERSION(%s, %d);\n", name, version)
	for _, d := range depends {
		source += fmt.Sprintf("MODULE_DEPEND(%s, %s);\n", name, d)
	}
	return source
}

// TestCircle refuses modules that depend on one another, and names them in
// their order.
func TestCircle(t *testing.T) {
	for _, c := range []struct {
		name    string
		modules map[string]string
		first   string
		want    string
	}{
		{"two", map[string]string{"a": versioned("a", 1, "b, 1, 1, 1"), "b": versioned("b", 1, "a, 1, 1, 1")},
			"a.ko", "modules depend on one another in a circle: a.ko -> b.ko -> a.ko"},
		{"three and one that only leads there", map[string]string{
			"a": versioned("a", 1, "b, 1, 1, 1"),
			"b": versioned("b", 1, "c, 1, 1, 1"), "c": versioned("c", 1, "d, 1, 1, 1"), "d": versioned("d", 1, "b, 1, 1, 1")},
			"b.ko", "modules depend on one another in a circle: b.ko -> c.ko -> d.ko -> b.ko"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, source := range c.modules {
				module(t, dir, name, source)
			}
			requireRefused(t, filepath.Join(dir, c.first)+": ", c.want, "load", dir)
		})
	}
}

// TestNoCircle loads modules in the order of what they depend on, not in that
// of their names; a module that depends on what it provides itself is none.
func TestNoCircle(t *testing.T) {
	dir := t.TempDir()
	module(t, dir, "a", versioned("a", 1, "b, 1, 1, 1", "a, 9, 9, 9"))
	module(t, dir, "b", versioned("b", 1, "c, 1, 1, 1"))
	module(t, dir, "c", versioned("c", 1))
	status, stdout, stderr := invoke(t, "load", dir)
	require.Zero(t, status, "%s%s", stdout, stderr)
	a, b, c := strings.Index(stdout, "a.ko:"), strings.Index(stdout, "b.ko:"), strings.Index(stdout, "c.ko:")
	require.Less(t, b, a, "%s", stdout)
	require.Less(t, c, b, "%s", stdout)
	require.NotContains(t, stdout, "depends on")
}

// TestVersionOutOfRange is no bad input but a finding: the kernel refuses it.
func TestVersionOutOfRange(t *testing.T) {
	dir := t.TempDir()
	base := module(t, dir, "base", versioned("base", 3))
	user := module(t, dir, "user", versioned("user", 1, "base, 1, 2, 2"))
	status, stdout, stderr := invoke(t, "verify", "--with", base, user)
	require.Equal(t, exitFindings, status, "%s%s", stdout, stderr)
	require.Contains(t, stdout, "dependency-version: it depends on base in version 1 to 2, and version 3 is loaded")
	require.Contains(t, stdout, "user.ko: refused")

	status, stdout, stderr = invoke(t, "verify", user)
	require.Zero(t, status, "%s%s", stdout, stderr)
	require.Contains(t, stdout, "note: it depends on base in version 1 to 2, which no module loaded before provides; taken to be in the kernel")
}

// TestTwoDefinitions refuses two modules that export one virtualised variable.
func TestTwoDefinitions(t *testing.T) {
	dir := t.TempDir()
	first := module(t, dir, "first", "VNET_DEFINE(uint32_t, shared) = 1;\n")
	second := module(t, dir, "second", "VNET_DEFINE(uint32_t, shared) = 2;\n")
	status, _, stderr := invoke(t, "verify", "--profile", "12", "--with", first, second)
	require.Equal(t, exitUnusable, status)
	require.Equal(t, 1, strings.Count(stderr, "\n"), "%s", stderr)
	require.True(t, strings.HasPrefix(stderr, "padcheck: "+second+": it defines "), "%s", stderr)
	require.Contains(t, stderr, "shared, and so does "+first)
}
