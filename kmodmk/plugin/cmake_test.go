package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// generators of CMake and what each runs.
var generators = map[string]string{"Ninja": "ninja", "Unix Makefiles": "make"}

// cmakeAt writes a project with calls of kmodpad_add_module into a folder, and
// returns the command lines that configure and build it in its folder out.
func cmakeAt(t *testing.T, dir, plugins, generator, calls string) (configure, build []string) {
	t.Helper()
	need(t, generators[generator])
	cmake := need(t, "cmake")
	write(t, filepath.Join(dir, "CMakeLists.txt"), fmt.Sprintf(`cmake_minimum_required(VERSION 3.20)
project(demo NONE)
list(APPEND CMAKE_MODULE_PATH [==[%s]==])
find_package(Kmodpad REQUIRED)
%s`, plugins, calls))
	set := tools(t)
	value := func(i int) string { _, v, _ := strings.Cut(set[i], "="); return v }
	return []string{cmake, "-G", generator, "-B", "out", "-DKMODPAD_CC=" + value(0), "-DKMODPAD_LD=" + value(1),
		"-DKMODPAD_OBJCOPY=" + value(2), "-DPADCHECK=" + padcheck(t)}, []string{cmake, "--build", "out", "-v"}
}

func TestCMake(t *testing.T) {
	for generator := range generators {
		t.Run(generator, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			samples(t, dir, "vnet_end", "beyond", "captured", "neither", "both")
			var calls strings.Builder
			for _, module := range []string{"vnet_end", "beyond", "captured"} {
				fmt.Fprintf(&calls, "kmodpad_add_module(%s SOURCES %s.c EXPORTS %s_run ARCH i386 CFLAGS -O1 -march=i486 INCLUDES include)\n", module, module, module)
			}
			fmt.Fprintf(&calls, "kmodpad_add_module(neither SOURCES neither.c EXPORTS ALL ARCH i386 INCLUDES include)\n")
			for _, a := range arch.All[:2] {
				fmt.Fprintf(&calls, "kmodpad_add_module(both-%s SOURCES both.c ARCH %s INCLUDES include)\n", a.Name, a.Name)
			}
			configure, build := cmakeAt(t, dir, generated(t), generator, calls.String())
			must(t, dir, configure...)
			out := must(t, dir, build...)
			ko := func(name string) string { return filepath.Join(dir, "out", name+".ko") }
			for module, links := range map[string]int{"vnet_end": 1, "beyond": 1, "captured": 1, "both-aarch64": 1, "both-amd64": 0} {
				require.NotEmpty(t, lines(out, module+".ko: ok"), out)
				require.Len(t, lines(out, "-Bshareable", "/"+module+".ko"), links, out)
			}
			require.EqualValues(t, 64+4, size(t, ko("vnet_end"), "set_vnet"))
			require.EqualValues(t, 256+32, size(t, ko("beyond"), "set_vnet"))
			require.Zero(t, size(t, ko("neither"), "set_vnet"))
			require.True(t, exported(t, ko("vnet_end"), "vnet_end_run"))
			require.False(t, exported(t, ko("vnet_end"), "vnet_end_clear"))
			require.True(t, exported(t, ko("neither"), "neither_entry"))

			require.Empty(t, lines(must(t, dir, build...), "-Bshareable"), "a second build")
			later := time.Now().Add(time.Minute)
			require.NoError(t, os.Chtimes(filepath.Join(dir, "include/kmodpad/vnet.h"), later, later))
			require.NotEmpty(t, lines(must(t, dir, build...), "-Bshareable", "/vnet_end.ko"), "a header")

			must(t, dir, append(build, "--target", "clean")...)
			for _, name := range list(t, filepath.Join(dir, "out")) {
				require.NotContains(t, []string{".ko", ".kld", ".o", ".ldscript"}, filepath.Ext(name), name)
			}
		})
	}
}

// A finding fails the build, unless a module does without verification.
func TestCMakeFinding(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	samples(t, dir, "beyond")
	call := "kmodpad_add_module(beyond SOURCES beyond.c ARCH i386 CFLAGS -O1 -march=i486 INCLUDES include"
	for more, fails := range map[string]bool{")\n": true, " NO_VERIFY)\n": false} {
		configure, build := cmakeAt(t, dir, generated(t), "Ninja", call+more)
		must(t, dir, append(configure, "-DPADCHECK="+noScript(t))...)
		out, err := do(t, dir, build...)
		require.Equal(t, fails, err != nil, out)
		require.Equal(t, fails, strings.Contains(out, "reference-past-padding"), out)
	}
}

// Names and folders that CMake, or a make that it writes for, would take for
// something else are refused in a line.
func TestCMakeRefuses(t *testing.T) {
	plugins := generated(t)
	for _, call := range []string{
		`kmodpad_add_module([==[a$b]==] SOURCES a.c ARCH i386)`, `kmodpad_add_module("a b" SOURCES a.c ARCH i386)`,
		`kmodpad_add_module(-a SOURCES a.c ARCH i386)`, `kmodpad_add_module(../a SOURCES a.c ARCH i386)`,
		`kmodpad_add_module(a SOURCES "a'.c" ARCH i386)`, `kmodpad_add_module(a SOURCES a.c ARCH pdp11)`,
		`kmodpad_add_module(a ARCH i386)`, `kmodpad_add_module(a SOURCES a.c)`, `kmodpad_add_module(a SOURCES a.c b/a.c ARCH i386)`,
		`kmodpad_add_module(a SOURCES a.c ARCH i386 EXPORTS "x y")`, `kmodpad_add_module(a OOPS SOURCES a.c ARCH i386)`,
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			configure, _ := cmakeAt(t, dir, plugins, "Ninja", call)
			out, err := do(t, dir, configure...)
			require.Error(t, err, out)
			require.Contains(t, out, "kmodpad: ")
		})
	}
}
