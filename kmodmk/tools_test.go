package kmodmk

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// i386 finds the tools of the tests: clang, every ld.lld that Debian 12 and
// LLVM's own archive have, GNU ld and objcopy.
func i386(t *testing.T) Toolset {
	t.Helper()
	a := architecture(t, "i386")
	set := Toolset{Objcopy: need(t, "i686-kfreebsd-gnu-objcopy", "i686-linux-gnu-objcopy", "objcopy")}
	clang := need(t, "clang-19", "clang-22", "clang-16", "clang-15", "clang-14", "clang-13", "clang")
	set.Compilers = []Compiler{{
		Tool:  Tool{Name: "clang", Path: clang},
		Flags: append([]string{"--target=" + a.Target}, append(a.CFlags, a.ClangCFlags...)...),
	}}
	set.Linkers = []Linker{{
		Tool: Tool{Name: "ld.bfd", Path: need(t, "i686-kfreebsd-gnu-ld.bfd")},
		Kind: "ld.bfd", Emulation: "elf_i386_fbsd",
	}}
	for _, name := range []string{"ld.lld-13", "ld.lld-14", "ld.lld-15", "ld.lld-16", "ld.lld-19", "ld.lld-22"} {
		if path, err := exec.LookPath(name); err == nil {
			set.Linkers = append(set.Linkers, Linker{Tool: Tool{Name: name, Path: path}, Kind: "ld.lld", Emulation: "elf_i386_fbsd"})
		} else if os.Getenv("KMODPAD_REQUIRE") == "all" {
			require.NoError(t, err)
		}
	}
	return set
}

func architecture(t *testing.T, name string) *arch.Arch {
	t.Helper()
	a, err := arch.ByName(name)
	require.NoError(t, err)
	return a
}

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

// write makes files in a folder, by name and text.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o666))
	}
}

// script writes a program that plays a tool.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o777))
	return path
}
