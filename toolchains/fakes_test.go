package toolchains

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Programs made of shell scripts stand in for those that no machine has at the
// same time.

// fakes is a folder of such programs.
type fakes struct {
	t   *testing.T
	dir string
}

func newFakes(t *testing.T) fakes { return fakes{t, t.TempDir()} }

func (f fakes) script(name, body string) string {
	path := filepath.Join(f.dir, name)
	require.NoError(f.t, os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755))
	return path
}

// lld takes the emulations given.
func (f fakes) lld(name, version string, emulations ...string) string {
	return f.script(name, fmt.Sprintf(`
case "$1" in --version) echo "LLD %s (compatible with GNU linkers)"; exit 0;; esac
for e in %s; do
	if [ "$2" = "$e" ]; then echo "ld.lld: error: no input files" >&2; exit 1; fi
done
echo "ld.lld: error: unknown emulation: $2" >&2
exit 1
`, version, strings.Join(emulations, " ")))
}

// bfd lists the emulations given.
func (f fakes) bfd(name, version string, emulations ...string) string {
	return f.script(name, fmt.Sprintf(`
echo "GNU ld (GNU Binutils for Fake 9.9) %s"
if [ "$1" = -V ]; then printf '  Supported emulations:\n'; printf '   %%s\n' %s; fi
`, version, strings.Join(emulations, " ")))
}

// clang makes an object of one architecture, whatever it is asked for; unless
// it lies, it fails for other targets.
func (f fakes) clang(name, version, makes string, lies bool) string {
	a, err := arch.ByName(makes)
	require.NoError(f.t, err)
	object := filepath.Join(f.t.TempDir(), "object")
	require.NoError(f.t, os.WriteFile(object, tinyObject(a), 0o600))
	refuse := `case "$*" in *` + a.Target + `*) ;; *) echo "error: unable to create target" >&2; exit 1;; esac`
	if lies {
		refuse = ""
	}
	return f.script(name, fmt.Sprintf(`
if [ "$1" = --version ]; then
	echo "Fake clang version %s (http://example.org)"; echo "Target: %s"; exit 0
fi
%s
while [ "$1" != -o ]; do shift; done
cp %s "$2"
`, version, a.Target, refuse, object))
}

// gcc makes objects of one architecture. It knows -m32 only if that is i386.
func (f fakes) gcc(name, version, machine, makes string) string {
	a, err := arch.ByName(makes)
	require.NoError(f.t, err)
	object := filepath.Join(f.t.TempDir(), "object")
	require.NoError(f.t, os.WriteFile(object, tinyObject(a), 0o600))
	return f.script(name, fmt.Sprintf(`
case "$*" in
--version) echo "$(basename "$0") (Fake 1.2.3) %[1]s"; echo "Copyright (C) 2022 Free Software Foundation, Inc."; exit;;
-dumpfullversion*) echo %[1]s; exit;;
-dumpmachine) echo %[2]s; exit;;
*-m32*) if [ %[4]s != i386 ]; then echo "error: unrecognized option -m32" >&2; exit 1; fi;;
esac
while [ "$1" != -o ]; do shift; done
cp %[3]s "$2"
`, version, machine, object, makes))
}

func (f fakes) link(to, name string) {
	require.NoError(f.t, os.Symlink(to, filepath.Join(f.dir, name)))
}

func (f fakes) find() *Toolchains {
	f.t.Helper()
	t, err := find(f.t.Context(), f.dir, 10*time.Second)
	require.NoError(f.t, err)
	return t
}

func names[T any](list []T, name func(T) string) []string {
	all := []string{}
	for _, item := range list {
		all = append(all, name(item))
	}
	return all
}

func (t *Toolchains) names() []string {
	return append(names(t.Compilers, func(c Compiler) string { return c.Name }),
		names(t.Linkers, func(l Linker) string { return l.Name })...)
}

func TestFindNamesOfAllStylesInOrder(t *testing.T) {
	f := newFakes(t)
	for _, name := range []string{"clang", "clang-19", "clang-9", "clang20"} {
		f.clang(name, "19.1.7", "i386", false)
	}
	f.gcc("gcc13", "13.2.0", "i386-portbld-freebsd14.0", "i386")
	f.gcc("aarch64-unknown-freebsd14.0-gcc12", "12.2.0", "aarch64-unknown-freebsd14.0", "aarch64")
	f.lld("ld.lld", "19.1.7", "elf_i386")
	f.lld("ld.lld-13", "13.0.1", "elf_i386")
	f.lld("ld.lld9", "9.0.1", "elf_i386")
	f.lld("ld", "18.1.0", "elf_i386") // as on FreeBSD
	f.bfd("ld.bfd", "2.40", "elf_i386_fbsd", "elf_i386")
	f.bfd("i686-kfreebsd-gnu-ld", "2.40", "elf_i386_fbsd")
	for _, name := range []string{"clang++-19", "clang-cl-19", "clang-cpp", "c99-gcc", "gcc-ar-12", "ld.gold", "ld.so", "ld64.lld-19", "wasm-ld-19", "ldd", "lld-19"} {
		f.script(name, "touch "+filepath.Join(f.dir, "was-run"))
	}
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "clang-7"), nil, 0o644)) // not executable
	require.NoError(t, os.Mkdir(filepath.Join(f.dir, "clang-8"), 0o755))

	found := f.find()
	require.Empty(t, found.Rejected)
	require.Equal(t, []string{
		"clang", "clang-9", "clang-19", "clang20", "aarch64-unknown-freebsd14.0-gcc12", "gcc13",
		"ld", "ld.lld", "ld.lld9", "ld.lld-13", "i686-kfreebsd-gnu-ld", "ld.bfd",
	}, found.names())
	require.NoFileExists(t, filepath.Join(f.dir, "was-run"))

	i386, _ := arch.ByName("i386")
	aarch64, _ := arch.ByName("aarch64")
	require.Len(t, found.LinkersFor(i386), 6)
	require.Empty(t, found.LinkersFor(aarch64))
	require.Len(t, found.CompilersFor(aarch64), 1)
	byName, err := found.PickLinkers("ld.bfd")
	require.NoError(t, err)
	require.Equal(t, "2.40", byName[0].Version)
	emulation, ok := byName[0].Emulation(i386)
	require.True(t, ok)
	require.Equal(t, "elf_i386_fbsd", emulation)
}

func TestFindLeavesOutWhatDoesNotWork(t *testing.T) {
	f := newFakes(t)
	f.script("clang-1", "sleep 1000")
	f.script("clang-2", "sleep 1000 & wait") // the child holds the output
	f.script("clang-3", "kill -SEGV $$")
	f.script("clang-4", "echo Hello")
	f.script("clang-5", "echo 'error: cannot load libLLVM.so' >&2; exit 127")
	f.script("clang-6", `[ "$1" = --version ] && echo "clang version 6.0.0" && exit; sleep 1000`)
	f.script("clang-7", `[ "$1" = --version ] && echo "clang version 7.0.0" && exit; exit 0`)
	f.script("clang-8", `[ "$1" = --version ] && echo "clang version 8.0.0" && exit; echo 'error: no backend' >&2; exit 1`)
	f.script("gcc", "echo 'Apple clang version 15.0.0'")
	f.script("x86_64-w64-mingw32-gcc", `
case "$*" in
--version) echo "Free Software Foundation"; exit;;
-dumpfullversion*) echo 12.2.0; exit;;
-dumpmachine) echo x86_64-w64-mingw32; exit;;
esac
while [ "$1" != -o ]; do shift; done
echo "This is PE" >"$2"`)
	f.script("ld", "echo 'GNU gold (GNU Binutils 2.40) 1.16'")
	f.script("ld.lld-1", "echo 'LLD 1.0.0'; exit 0") // links nothing without complaint
	f.script("ld.lld-2", `echo "LLD 2.0.0"; echo "error: no input files" >&2; [ "$1" = --version ]`)
	f.lld("ld.lld-3", "3.0.0", "elf_vax")
	f.bfd("ld.bfd", "2.40", "elf_vax")
	f.script("ld.bfd-1", "echo 'GNU ld (GNU Binutils) 2.40'")
	f.script("objcopy", "echo 'GNU objcopy 2.40'; kill -ILL $$")
	f.script("llvm-objcopy-1", `[ "$1" = --version ] && echo "LLVM version 1.0.0" && exit; exit 0`)
	f.lld("ld.lld-19", "19.1.7", "elf_i386")

	start := time.Now()
	found, err := find(t.Context(), f.dir, 2*time.Second)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 30*time.Second)
	require.Equal(t, []string{"ld.lld-19"}, found.names())

	reasons := map[string]string{}
	for _, r := range found.Rejected {
		require.Equal(t, filepath.Join(f.dir, r.Name), r.Path)
		reasons[r.Name] = r.Reason
	}
	for name, want := range map[string]string{
		"clang-1":  "did not answer --version within 2s",
		"clang-2":  "did not answer --version within 2s",
		"clang-3":  "clang-3: signal: segmentation fault",
		"clang-4":  `does not say that it is clang: "Hello"`,
		"clang-5":  "clang-5: exit status 127: error: cannot load libLLVM.so",
		"clang-6":  "did not answer --target=aarch64-unknown-freebsd14.0",
		"clang-7":  "says that all is well and writes no object",
		"clang-8":  "compiles for no architecture that FreeBSD loads modules on, for instance riscv64: clang-8: exit status 1: error: no backend",
		"gcc":      `does not say that it is GCC: "Apple clang version 15.0.0"`,
		"ld":       `does not say that it is GNU ld or LLD: "GNU gold (GNU Binutils 2.40) 1.16"`,
		"ld.lld-1": "links nothing at all without complaint (-m kmodpad_no_such_emulation)",
		"ld.lld-2": "takes any emulation, even kmodpad_no_such_emulation",
		"ld.lld-3": "has no emulation of an architecture that FreeBSD loads modules on (it has: )",
		"ld.bfd":   "has no emulation of an architecture that FreeBSD loads modules on (it has: elf_vax)",
		"ld.bfd-1": "does not list its emulations for -V",
		"objcopy":  "objcopy: signal: illegal instruction",

		"llvm-objcopy-1":         "copies objects of no architecture that FreeBSD loads modules on: says that all is well and writes no object",
		"x86_64-w64-mingw32-gcc": "makes objects that are not ELF",
	} {
		require.Contains(t, reasons[name], want, name)
		delete(reasons, name)
	}
	require.Empty(t, reasons)

	var table bytes.Buffer
	require.NoError(t, found.WriteTable(&table))
	require.Contains(t, table.String(), "ld.lld  ld.lld-19  19.1.7   i386\n")
	require.Contains(t, table.String(), "Left out:\n  "+f.dir+"/clang-1: did not answer --version within 2s\n")
}

func TestFindListsAProgramOnce(t *testing.T) {
	f := newFakes(t)
	f.bfd("x86_64-linux-gnu-ld.bfd", "2.40", "elf_x86_64")
	f.link("x86_64-linux-gnu-ld.bfd", "x86_64-linux-gnu-ld")
	f.link("x86_64-linux-gnu-ld", "ld")
	f.link("x86_64-linux-gnu-ld.bfd", "ld.bfd")
	f.gcc("x86_64-linux-gnu-gcc-12", "12.2.0", "x86_64-linux-gnu", "amd64")
	f.link("x86_64-linux-gnu-gcc-12", "gcc-12")
	f.link("gcc-12", "gcc")
	f.script("llvm-lld", `
case "$1" in --version) echo "LLD 19.1.7 (compatible with GNU linkers)"; exit 0;; esac
if [ "$2" = elf_i386 ]; then echo "no input files" >&2; else echo "unknown emulation" >&2; fi; exit 1`)
	f.link("llvm-lld", "ld.lld-19")
	f.link("ld.lld-19", "ld.lld")
	require.NoError(t, os.Link(filepath.Join(f.dir, "llvm-lld"), filepath.Join(f.dir, "ld.lld19")))
	f.link("nowhere", "clang")

	found := f.find()
	require.Empty(t, found.Rejected)
	require.Equal(t, []string{"x86_64-linux-gnu-gcc-12", "ld.lld-19", "x86_64-linux-gnu-ld.bfd"}, found.names())
	require.Equal(t, []string{"gcc", "gcc-12"}, found.Compilers[0].Aliases)
	require.Equal(t, filepath.Join(f.dir, "x86_64-linux-gnu-gcc-12"), found.Compilers[0].Path)
	require.Equal(t, "x86_64-linux-gnu", found.Compilers[0].Machine)
	require.Equal(t, []string{"ld.lld", "ld.lld19"}, found.Linkers[0].Aliases)
	require.Equal(t, []string{"ld", "ld.bfd", "x86_64-linux-gnu-ld"}, found.Linkers[1].Aliases)

	again := f.find()
	require.Equal(t, found, again)
}

// ccache and its kind are one file that acts by the name it is called by.
func TestFindTellsProgramsBehindOneFileApart(t *testing.T) {
	f := newFakes(t)
	one, two := f.clang("real-13", "13.0.1", "i386", false), f.clang("real-19", "19.1.7", "i386", false)
	f.script("ccache", `case "$0" in *13) exec `+one+` "$@";; *) exec `+two+` "$@";; esac`)
	f.link("ccache", "clang-13")
	f.link("ccache", "clang-19")
	require.Equal(t, []string{"clang-13", "clang-19"}, f.find().names())
}

func TestFindPrefersTheFirstFolder(t *testing.T) {
	first, second := newFakes(t), newFakes(t)
	first.clang("clang-19", "19.1.7", "i386", false)
	second.clang("clang-19", "19.0.0", "i386", false)
	second.clang("clang-20", "20.0.0", "i386", false)
	path := strings.Join([]string{"", ".", "relative", "/nowhere", first.dir, second.dir, first.dir}, ":")
	found, err := Find(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, []string{"clang-19", "clang-20"}, found.names())
	require.Equal(t, "19.1.7", found.Compilers[0].Version)
	require.Equal(t, filepath.Join(first.dir, "clang-19"), found.Compilers[0].Path)
}

func TestFindBelievesObjectsOnly(t *testing.T) {
	f := newFakes(t)
	f.clang("clang-19", "19.1.7", "powerpc64", true) // the same object for every target
	f.gcc("gcc", "12.2.0", "x86_64-linux-gnu", "amd64")
	found := f.find()
	require.Equal(t, []string{"powerpc64"}, found.Compilers[0].Targets)
	require.Equal(t, []string{"amd64"}, found.Compilers[1].Targets) // no -m32, no i386
	i386, _ := arch.ByName("i386")
	_, ok := found.Compilers[1].Flags(i386)
	require.False(t, ok)
}

func TestFindNothing(t *testing.T) {
	for _, path := range []string{"", t.TempDir()} {
		found, err := Find(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, &Toolchains{}, found)
		_, err = found.PickLinkers("ld.lld-*")
		require.EqualError(t, err, "no linker \"ld.lld-*\": no linker is installed; `go tool mage setup` installs some")
		all, err := found.PickLinkers()
		require.NoError(t, err)
		require.Empty(t, all)
	}
}

func TestFindStopsWhenAsked(t *testing.T) {
	f := newFakes(t)
	f.script("clang", "sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Find(ctx, f.dir)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "looking for toolchains")
}
