package toolchains

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// thisMachine is what is really installed.
var thisMachine = sync.OnceValues(func() (*Toolchains, error) {
	return Find(context.Background(), os.Getenv("PATH"))
})

// need skips a test by the name of a program that is not installed. Where every
// toolchain is required, it fails.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("KMODPAD_REQUIRE") == "all" {
				require.Fail(t, p+" is not installed, and KMODPAD_REQUIRE=all")
			}
			t.Skip(p + " is not installed")
		}
	}
}

func found(t *testing.T) *Toolchains {
	t.Helper()
	all, err := thisMachine()
	require.NoError(t, err)
	for _, r := range all.Rejected {
		t.Logf("left out: %s: %s", r.Path, r.Reason)
	}
	return all
}

func TestRealClangs(t *testing.T) {
	for _, version := range []string{"13", "14", "15", "16", "19", "22"} {
		t.Run("clang-"+version, func(t *testing.T) {
			need(t, "clang-"+version)
			list, err := found(t).PickCompilers("clang-" + version)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, Clang, list[0].Kind)
			require.True(t, strings.HasPrefix(list[0].Version, version+"."), list[0].Version)
			require.Equal(t, arch.Names(), list[0].Targets)
			requireCompiles(t, list[0])
		})
	}
}

func TestRealGCCs(t *testing.T) {
	for name, targets := range map[string][]string{
		"i686-linux-gnu-gcc-12":        {"i386"},
		"aarch64-linux-gnu-gcc-12":     {"aarch64"},
		"arm-linux-gnueabi-gcc-12":     {"armv7"},
		"powerpc-linux-gnu-gcc-12":     {"powerpc"},
		"powerpc64-linux-gnu-gcc-12":   {"powerpc64"},
		"powerpc64le-linux-gnu-gcc-12": {"powerpc64le"},
		"riscv64-linux-gnu-gcc-12":     {"riscv64"},
		"x86_64-linux-gnu-gcc-12":      {"amd64", "i386"},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			list, err := found(t).PickCompilers(name)
			require.NoError(t, err)
			require.Equal(t, GCC, list[0].Kind)
			require.Equal(t, strings.TrimSuffix(name, "-gcc-12"), list[0].Machine)
			require.Regexp(t, `^12\.\d+\.\d+$`, list[0].Version)
			for _, target := range targets {
				require.Contains(t, list[0].Targets, target)
			}
			requireCompiles(t, list[0])
		})
	}
}

// requireCompiles compiles with the flags that a compiler is said to take.
func requireCompiles(t *testing.T, c Compiler) {
	for _, a := range arch.All {
		flags, ok := c.Flags(a)
		require.Equal(t, slices.Contains(c.Targets, a.Name), ok)
		if !ok {
			continue
		}
		dir := t.TempDir()
		source, object := filepath.Join(dir, "x.c"), filepath.Join(dir, "x.o")
		require.NoError(t, os.WriteFile(source, []byte("extern int x[]; int f(int i) { return x[i]; }\n"), 0o600))
		_, err := run.Run(t.Context(), run.Command{Path: c.Path, Args: append(flags, "-O2", "-c", source, "-o", object)})
		require.NoError(t, err)
		header, err := readHeader(object)
		require.NoError(t, err)
		require.Equal(t, a, arch.ByELF(header.Machine, header.Class, header.ByteOrder))
	}
}

func TestRealLLDs(t *testing.T) {
	for _, version := range []string{"13", "14", "15", "16", "19", "22"} {
		t.Run("ld.lld-"+version, func(t *testing.T) {
			need(t, "ld.lld-"+version)
			list, err := found(t).PickLinkers("ld.lld-" + version)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Equal(t, LLD, list[0].Kind)
			require.True(t, strings.HasPrefix(list[0].Version, version+"."), list[0].Version)
			for _, a := range arch.All {
				requireLinks(t, list[0], a)
			}
			_, ok := list[0].Emulation(&arch.Arch{Emulations: []string{"elf_vax"}})
			require.False(t, ok)
		})
	}
}

func TestRealGNULinkers(t *testing.T) {
	for name, archs := range map[string][]string{
		"i686-kfreebsd-gnu-ld.bfd":     {"i386", "amd64"},
		"i686-linux-gnu-ld.bfd":        {"i386", "amd64"},
		"aarch64-linux-gnu-ld.bfd":     {"aarch64", "armv7"},
		"arm-linux-gnueabi-ld.bfd":     {"armv7"},
		"powerpc-linux-gnu-ld.bfd":     {"powerpc"},
		"powerpc64-linux-gnu-ld.bfd":   {"powerpc64"},
		"powerpc64le-linux-gnu-ld.bfd": {"powerpc64le"},
		"riscv64-linux-gnu-ld.bfd":     {"riscv64"},
		"x86_64-linux-gnu-ld.bfd":      {"amd64", "i386"},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			list, err := found(t).PickLinkers(name)
			require.NoError(t, err)
			require.Equal(t, BFD, list[0].Kind)
			for _, archName := range archs {
				a, err := arch.ByName(archName)
				require.NoError(t, err)
				requireLinks(t, list[0], a)
			}
		})
	}
	for _, l := range found(t).Linkers {
		require.NotContains(t, l.Name, "gold")
	}
}

// requireLinks links an object of an architecture with the linker's emulation.
func requireLinks(t *testing.T, l Linker, a *arch.Arch) {
	emulation, ok := l.Emulation(a)
	require.True(t, ok, "%s %s", l.Name, a)
	input := filepath.Join(t.TempDir(), "x.o")
	require.NoError(t, os.WriteFile(input, tinyObject(a), 0o600))
	_, err := run.Run(t.Context(), run.Command{Path: l.Path, Args: []string{"-m", emulation, "-r", "-o", input + "ut", input}})
	require.NoError(t, err)
	header, err := readHeader(input + "ut")
	require.NoError(t, err)
	require.Equal(t, a.Machine, header.Machine)
}

func TestRealObjcopies(t *testing.T) {
	all := found(t)
	for archName, program := range map[string]string{
		"i386": "i686-kfreebsd-gnu-objcopy", "aarch64": "aarch64-linux-gnu-objcopy", "armv7": "arm-linux-gnueabi-objcopy",
		"powerpc": "powerpc-linux-gnu-objcopy", "powerpc64": "powerpc64-linux-gnu-objcopy",
		"powerpc64le": "powerpc64le-linux-gnu-objcopy", "riscv64": "riscv64-linux-gnu-objcopy", "amd64": "x86_64-linux-gnu-objcopy",
	} {
		t.Run(archName, func(t *testing.T) {
			need(t, program)
			a, err := arch.ByName(archName)
			require.NoError(t, err)
			o, ok := all.Objcopy(a)
			require.True(t, ok)
			require.Equal(t, program, o.Name)
			require.NotEmpty(t, o.Version)
		})
	}
	for _, o := range all.Objcopies {
		require.NotEmpty(t, o.Targets)
	}
}

// Built for one machine, it knows no other, and that must show.
func TestRealObjcopyOfAnotherMachine(t *testing.T) {
	need(t, "riscv64-linux-gnu-objcopy")
	for _, o := range found(t).Objcopies {
		if o.Name == "riscv64-linux-gnu-objcopy" {
			require.NotContains(t, o.Targets, "aarch64")
		}
	}
}

func TestRealEmulators(t *testing.T) {
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			need(t, a.QEMU)
			path, ok := found(t).QEMU(a)
			require.True(t, ok)
			require.Equal(t, a.QEMU, filepath.Base(path))
		})
	}
	_, ok := found(t).QEMU(&arch.Arch{})
	require.False(t, ok)
}

func TestRealTable(t *testing.T) {
	need(t, "ld.lld-19", "clang-19", "qemu-i386")
	var table bytes.Buffer
	require.NoError(t, found(t).WriteTable(&table))
	every := strings.Join(arch.Names(), " ")
	require.Regexp(t, `(?m)^KIND +NAME +VERSION +ARCHITECTURES$`, table.String())
	require.Regexp(t, `(?m)^ld\.lld +ld\.lld-19 +19\.\S+ +`+every+`$`, table.String())
	require.Regexp(t, `(?m)^clang +clang-19 +19\.\S+ +`+every+`$`, table.String())
	require.Regexp(t, `(?m)^qemu +qemu-i386(-static)? +- +i386$`, table.String())
}

func TestTinyObject(t *testing.T) {
	for _, a := range arch.All {
		object, err := elf.NewFile(bytes.NewReader(tinyObject(a)))
		require.NoError(t, err)
		require.Equal(t, a, arch.ByELF(object.Machine, object.Class, object.ByteOrder))
		symbols, err := object.Symbols()
		require.NoError(t, err)
		require.Equal(t, ".text", symbols[0].Name)
		require.Equal(t, elf.STB_GLOBAL, elf.ST_BIND(symbols[0].Info))
		require.Len(t, object.Sections, 4)
		require.NotNil(t, object.Section(".strtab"))
	}
}
