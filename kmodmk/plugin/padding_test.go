package plugin

import (
	"debug/elf"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a folder with a module that <bsd.kmod.mk> builds.
type tree struct {
	t    *testing.T
	dir  string
	args []string
}

// The ways to have the plugin read: %s is its folder.
var ways = map[string]struct {
	before, after string
	args          []string
}{
	"before":      {before: ".include \"%s/kmod.padding.mk\"\n"},
	"after":       {after: ".include \"%s/kmod.padding.mk\"\n"},
	"twice":       {before: ".include \"%s/kmod.padding.mk\"\n", after: ".include \"%s/kmod.padding.mk\"\n"},
	"__MAKE_CONF": {args: []string{"__MAKE_CONF=%s/kmod.padding.mk"}},
	"SRCCONF":     {args: []string{"SRCCONF=%s/kmod.padding.mk"}},
	"-m":          {args: []string{"-m", "%s/mk"}},
	"none":        {},
}

// newTree makes such a module; its Makefile says more, and the plugin comes in
// one of the ways.
func newTree(t *testing.T, way, arch, release, module, more string) *tree {
	t.Helper()
	return treeAt(t, t.TempDir(), generated(t), way, arch, release, module, more)
}

func treeAt(t *testing.T, dir, plugins, way, arch, release, module, more string) *tree {
	t.Helper()
	make := need(t, "bmake")
	w, ok := ways[way]
	require.True(t, ok, way)
	at := func(text string) string { return strings.ReplaceAll(text, "%s", plugins) }
	mk, err := filepath.Abs("../../testdata/plugins/mk")
	require.NoError(t, err)
	var args []string
	for _, a := range w.args {
		args = append(args, at(a))
	}
	args = append(args, "-m", mk, "MACHINE_ARCH="+arch, "TREE="+release)
	samples(t, dir, module)
	cflags := "-I${.CURDIR:Q}/include -O1"
	if arch == "i386" {
		cflags += " -march=i486"
	}
	write(t, filepath.Join(dir, "Makefile"), at(w.before)+"KMOD=\t"+module+"\nSRCS+=\t"+module+".c\nCFLAGS+=\t"+cflags+"\n"+more+".include <bsd.kmod.mk>\n"+at(w.after))
	return &tree{t, dir, append(append([]string{make}, args...), tools(t)...)}
}

// make runs bmake, with the verifier unless the arguments say otherwise.
func (tr *tree) make(args ...string) (string, error) {
	tr.t.Helper()
	return do(tr.t, tr.dir, tr.line(args)...)
}

func (tr *tree) must(args ...string) string {
	tr.t.Helper()
	return must(tr.t, tr.dir, tr.line(args)...)
}

func (tr *tree) line(args []string) []string {
	line := append([]string{}, tr.args...)
	if !strings.Contains(strings.Join(args, " "), "PADCHECK=") {
		line = append(line, "PADCHECK="+padcheck(tr.t))
	}
	return append(line, args...)
}

// size is the size of a set in a module, 0 if it has none.
func size(t *testing.T, file, set string) uint64 {
	t.Helper()
	f, err := elf.Open(file)
	require.NoError(t, err)
	defer f.Close()
	s := f.Section(set)
	if s == nil {
		return 0
	}
	return s.Size
}

func (tr *tree) size(set string) uint64 {
	tr.t.Helper()
	found, err := filepath.Glob(filepath.Join(tr.dir, "*.ko"))
	require.NoError(tr.t, err)
	require.Len(tr.t, found, 1)
	return size(tr.t, found[0], set)
}

// However it is read, in trees of both forms, the plugin reaches stage 1 alone;
// the module is padded and verified; a second make does nothing, and a clean
// leaves what was there before.
func TestPaddingMk(t *testing.T) {
	for way := range ways {
		for _, release := range []string{"12", "13"} {
			t.Run(way+"/"+release, func(t *testing.T) {
				t.Parallel()
				tr := newTree(t, way, "i386", release, "vnet_end", "EXPORT_SYMS=\tvnet_end_run vnet_end_clear\n")
				before := list(t, tr.dir)
				out := tr.must()
				one, two := lines(out, " -r ", "-o vnet_end.kld"), lines(out, "-Bshareable")
				require.Len(t, one, 1, out)
				require.Len(t, two, 1, out)
				require.NotContains(t, two[0], " -T ")
				if way == "none" {
					require.NotContains(t, one[0], "ldscript.set_padding")
					require.Equal(t, release == "13", strings.Contains(one[0], "ldscript.kmod.i386"), out)
					require.NotContains(t, out, "verify")
					require.EqualValues(t, map[string]int{"12": 64, "13": 68}[release], tr.size("set_vnet"))
					return
				}
				require.Equal(t, 1, strings.Count(one[0], " -T "), "the tree's own script is replaced, not joined: %s", one[0])
				require.Contains(t, one[0], "/ldscript.set_padding.i386")
				require.Contains(t, out, "vnet_end.ko: ok")
				require.EqualValues(t, 68, tr.size("set_vnet"))
				require.Zero(t, tr.size("set_pcpu"), "a set that the module does not have")

				require.Empty(t, tr.must(), "a second make")
				tr.must("clean")
				require.Equal(t, before, list(t, tr.dir))
			})
		}
	}
}

// Modules of amd64 are relocatable: the tree's script stays, nothing is padded,
// and the module is verified. On aarch64, which has no script of the tree's,
// flags of the tree stay.
func TestPaddingMkArchs(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"12", "13"} {
		tr := newTree(t, "before", "amd64", release, "vnet_end", "")
		out := tr.must()
		one := lines(out, " -r ", "-o vnet_end.ko")
		require.Len(t, one, 1, out)
		require.NotContains(t, one[0], "set_padding")
		require.Equal(t, release == "13", strings.Contains(one[0], "-T "), one[0])
		require.Contains(t, out, "vnet_end.ko: ok")
		require.EqualValues(t, 128, tr.size("set_vnet"))
		require.Empty(t, tr.must())

		tr = newTree(t, "after", "aarch64", release, "vnet_end", "")
		out = tr.must()
		require.Len(t, lines(out, " -r ", "--no-relax", "/ldscript.set_padding.aarch64"), 1, out)
		require.EqualValues(t, 132, tr.size("set_vnet"))
	}
}

// A script that someone else has set is kept beside the plugin's.
func TestPaddingMkOtherScript(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"before", "after"} {
		tr := newTree(t, way, "i386", "13", "vnet_end", "LDSCRIPT_FLAGS=\t-T ${.CURDIR}/mine\n")
		write(t, filepath.Join(tr.dir, "mine"), "SECTIONS { .mine : { QUAD(1) } }\n")
		out := tr.must()
		require.Len(t, lines(out, " -r ", "/mine", "/ldscript.set_padding.i386"), 1, out)
		require.EqualValues(t, 68, tr.size("set_vnet"))
	}
}

// Without a verifier the script alone pads, and nothing else is done.
func TestPaddingMkAlone(t *testing.T) {
	t.Parallel()
	tr := newTree(t, "before", "i386", "12", "vnet_end", "")
	out := tr.must("PADCHECK=no-such-padcheck")
	require.NotContains(t, out, "no-such-padcheck")
	require.EqualValues(t, 68, tr.size("set_vnet"))
	require.Empty(t, tr.must("PADCHECK=no-such-padcheck"))
	require.NotContains(t, list(t, tr.dir), "kmodpad.measured")
}

// A finding fails the build, and does so again; KMODPAD_VERIFY=no lets it pass.
func TestPaddingMkFinding(t *testing.T) {
	t.Parallel()
	tr := newTree(t, "before", "i386", "13", "beyond", "")
	for range 2 {
		out, err := tr.make("PADCHECK=" + noScript(t))
		require.Error(t, err, out)
		require.Contains(t, out, "reference-past-padding")
	}
	out := tr.must("PADCHECK="+noScript(t), "KMODPAD_VERIFY=no")
	require.NotContains(t, out, "verify")
	_, err := tr.make("PADCHECK=" + noScript(t))
	require.Error(t, err, "not verified is not verified well")

	tr = newTree(t, "before", "i386", "13", "beyond", "")
	for range 2 {
		out, err := tr.make("KMODPAD_MAX=--max 8")
		require.Error(t, err, out)
		require.Contains(t, out, "set_vnet needs 0+32 bytes of padding in every instance, and a side may have 8")
	}
}

// A module is linked again only if it takes more than the first link's padding.
func TestPaddingMkMeasured(t *testing.T) {
	for module, want := range map[string]struct {
		links  int
		padded uint64
	}{
		"vnet_end": {1, 64 + 4},
		"neither":  {1, 0},
		"beyond":   {2, 256 + 32},
		"below":    {2, 0},
		"captured": {2, 0},
	} {
		for _, way := range []string{"before", "SRCCONF"} {
			if way == "SRCCONF" && module != "beyond" {
				continue
			}
			t.Run(module+"/"+way, func(t *testing.T) {
				t.Parallel()
				tr := newTree(t, way, "i386", "12", module, "")
				before := list(t, tr.dir)
				out := tr.must("-j8")
				require.Len(t, lines(out, " -r ", " -T ", module+".kld"), want.links, out)
				require.Contains(t, out, module+".ko: ok")
				if want.padded > 0 {
					require.Equal(t, want.padded, tr.size("set_vnet"))
				}
				require.Empty(t, tr.must())
				tr.must("clean")
				require.Equal(t, before, list(t, tr.dir))
			})
		}
	}
}

// What modules ask of kmod.mk goes on to work.
func TestPaddingMkForms(t *testing.T) {
	t.Run("dry run", func(t *testing.T) {
		t.Parallel()
		tr := newTree(t, "before", "i386", "13", "vnet_end", "")
		before := list(t, tr.dir)
		require.Contains(t, tr.must("-n"), "ldscript.set_padding.i386")
		require.Equal(t, before, list(t, tr.dir))
	})
	t.Run("debug", func(t *testing.T) {
		t.Parallel()
		tr := newTree(t, "after", "i386", "13", "beyond", "DEBUG_FLAGS=\t-g\n")
		before := list(t, tr.dir)
		out := tr.must("-j8")
		require.Contains(t, out, "beyond.ko: ok")
		require.Subset(t, list(t, tr.dir), []string{"beyond.ko", "beyond.ko.full", "beyond.ko.debug"})
		require.EqualValues(t, 256+32, tr.size("set_vnet"))
		require.EqualValues(t, 256+32, size(t, filepath.Join(tr.dir, "beyond.ko.full"), "set_vnet"))
		require.Empty(t, tr.must())
		tr.must("clean")
		require.Equal(t, before, list(t, tr.dir))
	})
	t.Run("object folder", func(t *testing.T) {
		t.Parallel()
		tr := newTree(t, "before", "i386", "12", "beyond", "")
		before := list(t, tr.dir)
		obj := t.TempDir()
		tr.args = append([]string{"env", "MAKEOBJDIR=" + obj}, tr.args...)
		require.Contains(t, tr.must("-j8"), "beyond.ko: ok")
		require.Equal(t, before, list(t, tr.dir), "nothing beside the source")
		require.EqualValues(t, 256+32, size(t, filepath.Join(obj, "beyond.ko"), "set_vnet"))
		require.Empty(t, tr.must("-j8"))
		tr.must("clean")
		require.Empty(t, list(t, obj))
	})
	t.Run("exports", func(t *testing.T) {
		t.Parallel()
		for exports, want := range map[string]string{"YES": "vnet_end_clear", "NO": "", "vnet_end_clear": "vnet_end_clear", "names": "vnet_end_clear"} {
			tr := newTree(t, "before", "i386", "13", "vnet_end", "EXPORT_SYMS=\t"+exports+"\n")
			write(t, filepath.Join(tr.dir, "names"), "# names\nvnet_end_clear\n")
			require.Contains(t, tr.must(), "vnet_end.ko: ok")
			require.Equal(t, want != "", exported(t, filepath.Join(tr.dir, "vnet_end.ko"), "vnet_end_clear"), exports)
			require.Equal(t, exports == "YES", exported(t, filepath.Join(tr.dir, "vnet_end.ko"), "vnet_end_run"), exports)
		}
	})
	t.Run("firmware", func(t *testing.T) {
		t.Parallel()
		tr := newTree(t, "before", "i386", "13", "neither", "FIRMWS=\timage.fw:image:1\nSRCS=\n")
		out := tr.must()
		require.NotContains(t, out, "set_padding")
		require.NotContains(t, out, "verify")
		tr = newTree(t, "before", "i386", "13", "neither", "")
		require.Contains(t, tr.must(), "verify", "the same without firmware")
	})
	t.Run("no module", func(t *testing.T) {
		t.Parallel()
		tr := newTree(t, "__MAKE_CONF", "i386", "13", "neither", "")
		write(t, filepath.Join(tr.dir, "Makefile"), "first:\n\t@echo this one\n")
		require.Equal(t, "this one\n", tr.must())
	})
}

// exported says that other modules can use a symbol.
func exported(t *testing.T, file, name string) bool {
	t.Helper()
	f, err := elf.Open(file)
	require.NoError(t, err)
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	require.NoError(t, err)
	for _, s := range symbols {
		if s.Name == name && s.Section != elf.SHN_UNDEF {
			return true
		}
	}
	return false
}
