package plugin

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// alone are the makefiles that need no tree: the make, and how a Makefile
// includes them.
var alone = map[string]struct{ make, include string }{
	"bmake": {"bmake", ".include \"%s/kmodpad.kmod.mk\"\n"},
	"GNU":   {"make", "include %s/kmodpad.gnu.mk\n"},
}

// aloneAt makes a module in a folder and returns the make's command line.
func aloneAt(t *testing.T, dir, plugins, kind, module, more string) []string {
	t.Helper()
	samples(t, dir, module)
	text := "KMOD=\t" + module + "\nSRCS=\t" + module + ".c\nCFLAGS=\t-Iinclude -O1\nEXPORT_SYMS=\t" + module + "_run\n"
	write(t, filepath.Join(dir, "Makefile"), text+more+strings.ReplaceAll(alone[kind].include, "%s", plugins))
	return append([]string{need(t, alone[kind].make), "PADCHECK=" + padcheck(t)}, tools(t)...)
}

// On each kind of architecture a module is made in two stages, padded and verified; a
// second make does nothing, and a clean leaves what was there before.
func TestAlone(t *testing.T) {
	for kind := range alone {
		for _, a := range arch.All {
			if kind == "bmake" && a.Class != elf.ELFCLASS64 && a.Name != "i386" {
				continue // GNU make has these, from the same model
			}
			t.Run(kind+"/"+a.Name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				line := append(aloneAt(t, dir, generated(t), kind, "both", ""), "KMODPAD_ARCH="+a.Name)
				before := list(t, dir)
				out := must(t, dir, line...)
				require.Contains(t, out, "both.ko: ok")
				f := filepath.Join(dir, "both.ko")
				if a.Shape == arch.Shared {
					require.Contains(t, out, "set_vnet", out)
					require.Len(t, lines(out, "-Bshareable"), 1)
					require.Equal(t, size(t, filepath.Join(dir, "both.kld"), "set_vnet"), size(t, f, "set_vnet"))
					require.True(t, exported(t, f, "both_run"))
				}
				again := must(t, dir, line...)
				require.Empty(t, lines(again, "both"), "a second make")
				must(t, dir, append(line[:1:1], "clean")...)
				require.Equal(t, before, list(t, dir))
			})
		}
	}
}

// What a module takes beyond four bytes is measured and given to it, whichever
// linker there is.
func TestAloneMeasured(t *testing.T) {
	for kind := range alone {
		for module, links := range map[string]int{"vnet_end": 1, "beyond": 2, "captured": 2} {
			for _, ld := range []string{"", "i686-linux-gnu-ld.bfd"} {
				t.Run(kind+"/"+module+"/"+ld, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					line := append(aloneAt(t, dir, generated(t), kind, module, "CFLAGS+=\t-march=i486\n"), "KMODPAD_ARCH=i386")
					if ld != "" {
						line = append(line, "LD="+need(t, ld))
					}
					out := must(t, dir, line...)
					require.Len(t, lines(out, " -r ", " -T "), links, out)
					require.Contains(t, out, module+".ko: ok")
					require.Empty(t, lines(must(t, dir, line...), module))
				})
			}
		}
	}
}

// Findings fail the build, an absent verifier does not, and -j8 changes nothing.
func TestAloneVerify(t *testing.T) {
	for kind := range alone {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			line := append(aloneAt(t, dir, generated(t), kind, "beyond", "CFLAGS+=\t-march=i486\n"), "KMODPAD_ARCH=i386", "-j8")
			for range 2 {
				out, err := do(t, dir, append(line, "PADCHECK="+noScript(t))...)
				require.Error(t, err, out)
				require.Contains(t, out, "reference-past-padding")
			}
			must(t, dir, append(line, "PADCHECK="+noScript(t), "KMODPAD_VERIFY=no")...)
			must(t, dir, append(line[:2:2], "clean")...)
			for range 2 {
				out, err := do(t, dir, append(line, "KMODPAD_MAX=--max 8")...)
				require.Error(t, err, out)
				require.Contains(t, out, "bytes of padding in every instance, and a side may have 8")
			}
			out := must(t, dir, append(line, "PADCHECK=no-such-padcheck")...)
			require.NotContains(t, out, "no-such-padcheck")
			require.EqualValues(t, 256+4, size(t, filepath.Join(dir, "beyond.ko"), "set_vnet"))
		})
	}
}

// A changed header makes everything of it again, and nothing else.
func TestAloneHeader(t *testing.T) {
	for kind := range alone {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			line := append(aloneAt(t, dir, generated(t), kind, "vnet_end", "SRCS+=\tother.c\n"), "KMODPAD_ARCH=i386")
			write(t, filepath.Join(dir, "other.c"), "int other = 1;\n")
			must(t, dir, line...)
			// bmake counts in whole seconds, and all of this is done in one.
			past := time.Now().Add(-time.Hour)
			for _, name := range list(t, dir) {
				require.NoError(t, os.Chtimes(filepath.Join(dir, name), past, past))
			}
			now := time.Now()
			require.NoError(t, os.Chtimes(filepath.Join(dir, "include/kmodpad/vnet.h"), now, now))
			out := must(t, dir, line...)
			require.Len(t, lines(out, "-c ", "vnet_end.c"), 1, out)
			require.Empty(t, lines(out, "-c ", "other.c"), out)
			require.Len(t, lines(out, "-Bshareable"), 1, out)
		})
	}
}

// Objects of bmake go where MAKEOBJDIR says, and a file can list the exports.
func TestAloneObjectFolder(t *testing.T) {
	t.Parallel()
	dir, obj := t.TempDir(), t.TempDir()
	line := append([]string{"env", "MAKEOBJDIR=" + obj}, aloneAt(t, dir, generated(t), "bmake", "vnet_end", "EXPORT_SYMS=\tnames\nCFLAGS+=\t-I${.CURDIR}/include\n")...)
	line = append(line, "KMODPAD_ARCH=i386")
	write(t, filepath.Join(dir, "names"), "# names\nvnet_end_clear\n")
	before := list(t, dir)
	require.Contains(t, must(t, dir, line...), "vnet_end.ko: ok")
	require.Equal(t, before, list(t, dir))
	require.True(t, exported(t, filepath.Join(obj, "vnet_end.ko"), "vnet_end_clear"))
	require.False(t, exported(t, filepath.Join(obj, "vnet_end.ko"), "vnet_end_run"))
	require.NotContains(t, must(t, dir, line...), "vnet_end")
}

// hostile are names that a make or a shell would take for something else.
var hostile = []string{
	"-rf", "a;touch pwned", "`touch pwned`", "$$(touch pwned)",
	"'a'", "\"a\"", "a|b", "a&b", "a>pwned", "a*", "a:b", "a%b", "a=b", "a\\b", "~a", "a(b)", "a,b", "naïve",
}

// Names that could mean something else are refused in a line, before anything
// is run.
func TestAloneRefusesNames(t *testing.T) {
	plugins := generated(t)
	for kind := range alone {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, variable := range []string{"KMOD", "SRCS", "EXPORT_SYMS"} {
				names := hostile
				dir := t.TempDir()
				line := aloneAt(t, dir, plugins, kind, "vnet_end", "")
				if variable == "KMOD" {
					names = append([]string{"..", ".hidden", "a/b", "a b", ""}, names...)
				}
				for _, name := range names {
					// A $ of its own is the make's: it expands all variables.
					out, err := do(t, dir, append(append([]string{"env", variable + "=" + name}, line...), "-e", "KMODPAD_ARCH=i386")...)
					require.NotContains(t, list(t, dir), "vnet_end.ko", "%s %q\n%s", variable, name, out)
					require.Error(t, err, "%s %q\n%s", variable, name, out)
					require.Contains(t, out, "kmodpad: ", "%s %q", variable, name)
					require.NotContains(t, list(t, dir), "pwned", "%s %q\n%s", variable, name, out)
				}
			}
		})
	}
}

// What cannot work is refused in a line.
func TestAloneRefuses(t *testing.T) {
	t.Parallel()
	plugins := generated(t)
	for kind := range alone {
		dir := t.TempDir()
		out, err := do(t, dir, append(aloneAt(t, dir, plugins, kind, "vnet_end", "SRCS+=\tsub/vnet_end.c\n"), "KMODPAD_ARCH=i386")...)
		require.Error(t, err)
		require.Contains(t, out, "two sources have one name")
		out, err = do(t, dir, append(aloneAt(t, dir, plugins, kind, "vnet_end", ""), "KMODPAD_ARCH=pdp11")...)
		require.Error(t, err)
		require.Contains(t, out, "KMODPAD_ARCH is pdp11, and there are aarch64 amd64 ")
		if ld, err := exec.LookPath("aarch64-linux-gnu-ld.bfd"); err == nil {
			out, err = do(t, dir, append(aloneAt(t, dir, plugins, kind, "vnet_end", ""), "KMODPAD_ARCH=i386", "LD="+ld)...)
			require.Error(t, err)
			require.Contains(t, out, "ld.bfd cannot link for i386")
		}
	}
}
