package plugin

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"
)

// folders are names of a folder that holds the plugins, the sources and the
// module.
var folders = []string{
	"a b's naïve ü", `-quo"te`, "semi;touch pwned", "$(touch pwned)", "`touch pwned`&|>x", "#50%:=,@", `back\slash*?[x]{y}~`, "a\tb",
}

// In a folder of any name a build is right, or refused in a line. Which of
// both is written down here by the characters that a make takes for its own.
func TestHostileFolders(t *testing.T) {
	for kind, refused := range map[string]string{
		"kmod.padding.mk":   "$",
		"kmodpad.kmod.mk":   "",
		"kmodpad.gnu.mk":    "",
		"FindKmodpad.cmake": "$\\\"*[;'&|:@#`%",
	} {
		for _, name := range folders {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				dir := filepath.Join(root, name)
				_, err := Generate(afero.NewOsFs(), dir, Options{})
				if strings.Contains(name, "\t") {
					require.ErrorContains(t, err, "control characters")
					return
				}
				require.NoError(t, err)
				out, err := buildIn(t, dir, kind)
				if kind != "FindKmodpad.cmake" || !strings.Contains(name, ";") { // CMake itself makes a folder "semi"
					require.Equal(t, []string{name}, entries(t, root), "nothing outside\n%s", out)
				}
				require.NotContains(t, list(t, dir), "pwned", out)
				if strings.ContainsAny(name, refused) {
					require.Error(t, err, out)
					require.Regexp(t, "kmodpad: |^CMake ", out)
					return
				}
				require.NoError(t, err, out)
				require.Contains(t, out, "vnet_end.ko: ok")
			})
		}
	}
}

// buildIn builds a module with the plugin that lies beside it.
func buildIn(t *testing.T, dir, kind string) (string, error) {
	t.Helper()
	switch kind {
	case "kmod.padding.mk":
		tr := treeAt(t, dir, ".", "before", "i386", "13", "vnet_end", "")
		return tr.make()
	case "kmodpad.kmod.mk":
		return do(t, dir, append(aloneAt(t, dir, ".", "bmake", "vnet_end", ""), "KMODPAD_ARCH=i386")...)
	case "kmodpad.gnu.mk":
		return do(t, dir, append(aloneAt(t, dir, ".", "GNU", "vnet_end", ""), "KMODPAD_ARCH=i386")...)
	}
	samples(t, dir, "vnet_end")
	configure, build := cmakeAt(t, dir, ".", "Ninja", "kmodpad_add_module(vnet_end SOURCES vnet_end.c ARCH i386 INCLUDES include)")
	write(t, filepath.Join(dir, "CMakeLists.txt"), "cmake_minimum_required(VERSION 3.20)\nproject(demo NONE)\n"+
		"set(CMAKE_MODULE_PATH \"${CMAKE_CURRENT_SOURCE_DIR}\")\nfind_package(Kmodpad REQUIRED)\n"+
		"kmodpad_add_module(vnet_end SOURCES vnet_end.c ARCH i386 INCLUDES include)\n")
	if out, err := do(t, dir, configure...); err != nil {
		return out, err
	}
	return do(t, dir, build...)
}

// entries lists a folder.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	infos, err := afero.ReadDir(afero.NewOsFs(), dir)
	require.NoError(t, err)
	var names []string
	for _, i := range infos {
		names = append(names, i.Name())
	}
	return names
}
