package magetarget

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/toolchains"
)

func TestTools(t *testing.T) {
	compiler := func(kind toolchains.Kind, name, version string) toolchains.Compiler {
		return toolchains.Compiler{
			Program: toolchains.Program{Name: name, Path: "/bin/" + name, Version: version},
			Kind:    kind, Targets: []string{"i386"},
		}
	}
	tools := Tools(&toolchains.Toolchains{
		Compilers: []toolchains.Compiler{
			compiler(toolchains.Clang, "clang-9", "9.0.1"), compiler(toolchains.Clang, "clang-19", "19.1.7"),
			compiler(toolchains.GCC, "gcc-99", "99.0"), compiler(toolchains.Clang, "clang-14", "14.0.6"),
		},
		Linkers: []toolchains.Linker{{
			Program:    toolchains.Program{Name: "ld.lld-19", Path: "/bin/ld.lld-19", Aliases: []string{"ld.lld"}},
			Kind:       toolchains.LLD,
			Emulations: []string{"elf_i386", "elf_i386_fbsd"},
		}},
	})
	var names []string
	for _, c := range tools["i386"].Compilers {
		names = append(names, c.Name)
		require.True(t, slices.Contains(c.Flags, "-m32"))
	}
	require.Equal(t, []string{"clang-19", "clang-14", "clang-9", "gcc-99"}, names, "best first")
	require.Equal(t, []kmodmk.Linker{{
		Tool: kmodmk.Tool{Name: "ld.lld-19", Path: "/bin/ld.lld-19", Aliases: []string{"ld.lld"}},
		Kind: "ld.lld", Emulation: "elf_i386_fbsd",
	}}, tools["i386"].Linkers)
	require.Empty(t, tools["armv7"].Compilers)
	require.Empty(t, tools["i386"].Objcopy)
}

// The exit status tells a bad kmod.yaml (2) from a bad module (1).
func TestExitStatus(t *testing.T) {
	t.Setenv("KMOD_CONFIG", filepath.Join(t.TempDir(), "kmod.yaml"))
	for _, target := range []func() error{
		func() error { return Kmod{}.Build(t.Context(), nil) },
		func() error { return Kmod{}.Verify(t.Context()) },
		func() error { return Kmod{}.Plan(t.Context()) },
	} {
		err := target()
		require.ErrorContains(t, err, "KMOD_CONFIG")
		require.Equal(t, 2, mg.ExitStatus(err))
	}

	bad := &kmodmk.Row{Report: &padcheck.Module{Verdict: padcheck.Refused}}
	failed := &kmodmk.Row{Err: os.ErrPermission}
	good := &kmodmk.Row{Report: &padcheck.Module{Verdict: padcheck.OK}}
	for status, rows := range map[int][]*kmodmk.Row{0: {good}, 1: {good, bad}, 2: {good, bad, failed}} {
		require.Equal(t, status, mg.ExitStatus(report(&kmodmk.Result{Rows: rows})))
	}
}
