package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// witness is a folder of programs that note how they are called before they
// become the tools that they stand for.
type witness struct {
	t             *testing.T
	dir, log      string
	CC, LD, OBJCP string
}

func newWitness(t *testing.T, cc, ld, objcopy string) *witness {
	t.Helper()
	w := &witness{t: t, dir: t.TempDir()}
	w.log = filepath.Join(w.dir, "log")
	stand := func(as, tool string) string {
		name := filepath.Join(w.dir, as)
		text := fmt.Sprintf("#!/bin/sh\n{ printf '%%s\\n' %s \"$@\"; echo; } >>'%s'\nexec '%s' \"$@\"\n", as, w.log, tool)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o700))
		return name
	}
	w.CC, w.LD, w.OBJCP = stand("cc", cc), stand("ld", ld), stand("objcopy", objcopy)
	return w
}

// commands are what has been run in a folder, in a form that does not depend on
// where files lie and what they are called; and forgets it. Questions about a
// tool's kind are left out.
func (w *witness) commands(dir string) []string {
	w.t.Helper()
	text, err := os.ReadFile(w.log)
	require.NoError(w.t, err)
	require.NoError(w.t, os.Remove(w.log))
	var all []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		words := strings.Split(block, "\n")
		if len(words) < 4 { // --version, or -m EMULATION
			continue
		}
		for i := 1; i < len(words); i++ {
			words[i] = w.plain(dir, words[i-1], words[i])
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// plain writes a word in a form of its own: paths by what they are.
func (w *witness) plain(dir, before, word string) string {
	w.t.Helper()
	if before == "-MT" {
		return "TARGET"
	}
	if before == "-T" { // a script is what is in it
		if !filepath.IsAbs(word) {
			word = filepath.Join(dir, word)
		}
		text, err := os.ReadFile(word)
		require.NoError(w.t, err)
		return fmt.Sprintf("%q", text)
	}
	flag, path := "", word
	if strings.HasPrefix(word, "-") {
		i := strings.Index(word, "=")
		if i < 0 || !strings.HasSuffix(word, "exports") {
			if strings.HasPrefix(word, "-I") {
				return "-I"
			}
			return word
		}
		flag, path = word[:i+1], word[i+1:]
	}
	for _, known := range []string{"stage1", "exports"} {
		if path == known || strings.HasSuffix(path, "/"+known) || strings.HasSuffix(path, "."+known) {
			return flag + known
		}
	}
	for _, known := range []string{".o.d", ".o", ".c", ".kld", ".ko"} {
		if strings.HasSuffix(path, known) {
			return flag + "FILE" + known
		}
	}
	return word
}

// For one module every plugin runs the same commands as the plan that kmodmk
// prints and runs: the same words in the same order.
func TestSameCommands(t *testing.T) {
	for _, c := range []struct {
		arch, emulation string
		cc, ld, objcopy []string
		compiler        toolchains.Kind
		linker          toolchains.Kind
	}{
		{"i386", "elf_i386_fbsd", versioned("clang"), versioned("ld.lld"), versioned("llvm-objcopy"), toolchains.Clang, toolchains.LLD},
		{"i386", "elf_i386", []string{"i686-linux-gnu-gcc-12"}, []string{"i686-linux-gnu-ld.bfd"}, []string{"i686-linux-gnu-objcopy"}, toolchains.GCC, toolchains.BFD},
		{"powerpc", "elf32ppc_fbsd", versioned("clang"), versioned("ld.lld"), versioned("llvm-objcopy"), toolchains.Clang, toolchains.LLD},
		{"amd64", "elf_x86_64_fbsd", versioned("clang"), versioned("ld.lld"), versioned("llvm-objcopy"), toolchains.Clang, toolchains.LLD},
	} {
		t.Run(c.arch+"-"+string(c.linker), func(t *testing.T) {
			t.Parallel()
			w := newWitness(t, need(t, c.cc...), need(t, c.ld...), need(t, c.objcopy...))
			a, err := arch.ByName(c.arch)
			require.NoError(t, err)
			plugins := generated(t)
			set := []string{"CC=" + w.CC, "LD=" + w.LD, "OBJCOPY=" + w.OBJCP, "PADCHECK=" + noScript(t), "KMODPAD_ARCH=" + c.arch}

			// What the plan does.
			dir := t.TempDir()
			samples(t, dir, "vnet_end")
			flags, ok := toolchains.Compiler{Kind: c.compiler, Targets: []string{c.arch}}.Flags(a)
			require.True(t, ok)
			plan, err := kmodmk.Target{
				Module: &kmodmk.Module{Name: "vnet_end", Sources: []string{"vnet_end.c"}, Settings: kmodmk.Settings{
					CFlags: []string{"-Iinclude", "-O1"}, Exports: &kmodmk.Exports{Names: []string{"vnet_end_run"}}}},
				Arch: a, Compiler: &kmodmk.Compiler{Tool: kmodmk.Tool{Name: "cc", Path: w.CC}, Flags: flags},
				Linker:   kmodmk.Linker{Tool: kmodmk.Tool{Name: "ld", Path: w.LD}, Kind: string(c.linker), Emulation: c.emulation},
				Objcopy:  w.OBJCP,
				Strategy: ldscripts.Constraint.For(a),
				Out:      "out",
			}.Plan()
			require.NoError(t, err)
			must(t, dir, "sh", "-c", plan.Shell())
			want := w.commands(dir)
			require.Len(t, want, 4)
			require.Equal(t, a.Shape == arch.Shared, strings.Contains(want[1], "0x90909090"), want[1])

			for kind := range alone {
				dir := t.TempDir()
				aloneAt(t, dir, plugins, kind, "vnet_end", "")
				must(t, dir, append([]string{need(t, alone[kind].make)}, set...)...)
				require.Equal(t, want, w.commands(dir), kind)
			}
			for generator := range generators {
				dir := t.TempDir()
				samples(t, dir, "vnet_end")
				configure, build := cmakeAt(t, dir, plugins, generator,
					"kmodpad_add_module(vnet_end SOURCES vnet_end.c EXPORTS vnet_end_run ARCH "+c.arch+" CFLAGS -Iinclude -O1)")
				must(t, dir, append(configure, "-DKMODPAD_CC="+w.CC, "-DKMODPAD_LD="+w.LD, "-DKMODPAD_OBJCOPY="+w.OBJCP, "-DPADCHECK="+noScript(t))...)
				copyDir(t, filepath.Join(dir, "include"), filepath.Join(dir, "out/include"))
				must(t, dir, build...)
				require.Equal(t, want, w.commands(filepath.Join(dir, "out")), generator)
			}
			// Of what <bsd.kmod.mk> does, the plugin decides on the script.
			if c.linker == toolchains.LLD && c.arch != "powerpc" {
				for _, release := range []string{"12", "13"} {
					tr := newTree(t, "before", c.arch, release, "vnet_end", "")
					tr.must("CC="+w.CC, "LD="+w.LD, "OBJCOPY="+w.OBJCP, "PADCHECK="+noScript(t))
					have := w.commands(tr.dir)
					script := func(commands []string, flag string) []string {
						i := slices.IndexFunc(commands, func(c string) bool { return strings.HasPrefix(c, "ld ") && strings.Contains(c, flag) })
						require.GreaterOrEqual(t, i, 0, commands)
						_, after, ok := strings.Cut(commands[i], " -T ")
						if !ok || c.arch == "amd64" {
							return nil
						}
						after, _, _ = strings.Cut(after, `\n"`)
						return []string{after}
					}
					require.Equal(t, script(want, " -r "), script(have, " -r "), release)
					if a.Shape == arch.Shared {
						require.Nil(t, script(have, " -Bshareable -znotext "), release)
					}
				}
			}
		})
	}
}

// copyDir copies a folder, for a build that is run elsewhere with the same words.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	copyAll(t, os.DirFS(filepath.Dir(from)), filepath.Base(from), filepath.Dir(to))
}
