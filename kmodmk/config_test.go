package kmodmk

import (
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"
)

// tree is a file system with some sources and a kmod.yaml.
func tree(t *testing.T, config string) afero.Fs {
	t.Helper()
	fsys := afero.NewMemMapFs()
	for _, name := range []string{"p/a.c", "p/sub/b.S", "p/odd $name's.c", "p/x.i386.o", "p/pre.o", "outside.c", "p/.kept/c.c"} {
		require.NoError(t, afero.WriteFile(fsys, name, nil, 0o666))
	}
	require.NoError(t, afero.WriteFile(fsys, "p/kmod.yaml", []byte(config), 0o666))
	return fsys
}

func TestLoad(t *testing.T) {
	c, err := Load(tree(t, `
archs: [i386]
cflags: [-O1]
arch_cflags: {i386: [-march=i486], armv7: [-mthumb]}
includes: [include]
strategy: upstream
max: 64
modules:
  - name: one
    sources: [a.c, sub/b.S, "odd $name's.c", ../outside.c]
    exports: [f, g]
    prebuilt: [pre.o]
    expect: [boundary-reference]
  - name: two
    archs: [i386]
    objects: ["x.{arch}.o"]
    exports: all
    strategy: none
    max: 128
    cflags: [-Os]
    arch_cflags: {i386: [-mtune=i586], amd64: [-g]}
    compilers: ["clang-1?"]
    linkers: ["ld.lld-*", "*-ld.bfd"]
`), "p/kmod.yaml")
	require.NoError(t, err)
	require.Equal(t, "p", c.Dir)
	one, two := c.Modules[0], c.Modules[1]
	require.Equal(t, Settings{
		Archs: []string{"i386"}, Compilers: []string{"*"}, Linkers: []string{"*"}, Strategy: "upstream", Max: new(uint64(64)),
		Includes: []string{"include"}, CFlags: []string{"-O1"},
		ArchCFlags: map[string][]string{"i386": {"-march=i486"}, "armv7": {"-mthumb"}}, Exports: &Exports{Names: []string{"f", "g"}},
	}, one.Settings)
	require.Equal(t, []string{"a.c", "sub/b.S", "odd $name's.c", "../outside.c"}, one.Sources)
	require.Equal(t, Settings{
		Archs: []string{"i386"}, Compilers: []string{"clang-1?"}, Linkers: []string{"ld.lld-*", "*-ld.bfd"}, Strategy: "none", Max: new(uint64(128)),
		Includes: []string{"include"}, CFlags: []string{"-O1", "-Os"},
		ArchCFlags: map[string][]string{"i386": {"-march=i486", "-mtune=i586"}, "armv7": {"-mthumb"}, "amd64": {"-g"}}, Exports: &Exports{All: true, word: "all"},
	}, two.Settings)
}

func TestLoadDefaults(t *testing.T) {
	c, err := Load(tree(t, "modules: [{name: one, sources: [a.c]}]"), "p/kmod.yaml")
	require.NoError(t, err)
	require.Equal(t, Settings{
		Archs: []string{"i386"}, Compilers: []string{"*"}, Linkers: []string{"*"}, Strategy: "auto",
		Exports: &Exports{},
	}, c.Modules[0].Settings)
}

func TestLoadRefuses(t *testing.T) {
	// module wraps the lines of one module, which begin on line 2.
	module := func(lines string) string { return "modules:\n  - " + lines + "\n" }
	for name, test := range map[string]struct{ config, want string }{
		"typing error":             {module("name: one\n    soruces: [a.c]"), `p/kmod.yaml:3: unknown key "soruces" (did you mean "sources"?)`},
		"unknown at the top":       {"frobnicate: 1\n", `p/kmod.yaml:1: unknown key "frobnicate": there are arch_cflags, archs, cflags, compilers, expect, exports, includes, linkers, max, modules, name, objects, prebuilt, sources, strategy`},
		"no YAML":                  {"modules: [\n", "p/kmod.yaml:1: list end token ']' not found"},
		"key twice":                {module("name: one\n    name: two"), `p/kmod.yaml:3: mapping key "name" already defined at [2:5]`},
		"word for a list":          {module("name: one\n    sources: a.c"), "p/kmod.yaml:3: string was used where list is expected"},
		"list for a word":          {module("name: [one]"), "p/kmod.yaml:2: a string is wanted here"},
		"two documents":            {"modules: []\n---\nmodules: []\n", "p/kmod.yaml: holds 2 YAML documents, but only one is read: remove the --- lines"},
		"empty":                    {"", "p/kmod.yaml: names no modules: list them under modules:"},
		"no modules":               {"archs: [i386]\n", "p/kmod.yaml: names no modules: list them under modules:"},
		"null module":              {"modules:\n  -\n", "p/kmod.yaml:2: a module needs a name"},
		"no name":                  {module("sources: [a.c]"), "p/kmod.yaml:2: a module needs a name"},
		"name with a slash":        {module("name: ../one\n    sources: [a.c]"), `p/kmod.yaml:2: module name "../one": only letters, digits, _ . and - can be in it, and neither . nor - come first`},
		"name as an option":        {module("name: -one\n    sources: [a.c]"), `p/kmod.yaml:2: module name "-one": only letters, digits, _ . and - can be in it, and neither . nor - come first`},
		"name with a dollar":       {module("name: $(rm)\n    sources: [a.c]"), `p/kmod.yaml:2: module name "$(rm)": only letters, digits, _ . and - can be in it, and neither . nor - come first`},
		"name with newline":        {module(`name: "one\n"` + "\n    sources: [a.c]"), `p/kmod.yaml:2: module name "one\n": only letters, digits, _ . and - can be in it, and neither . nor - come first`},
		"name twice":               {"modules:\n  - {name: one, sources: [a.c]}\n  - {name: One, sources: [a.c]}\n", `p/kmod.yaml:3: there is another module "One"`},
		"made of nothing":          {module("name: one"), "p/kmod.yaml:2: module one has neither sources nor objects"},
		"made of both":             {module("name: one\n    sources: [a.c]\n    objects: [pre.o]"), "p/kmod.yaml:4: module one has both sources and objects: a module is made of one or the other"},
		"prebuilt of what":         {module("name: one\n    objects: [pre.o]\n    prebuilt: [pre.o]"), "p/kmod.yaml:4: module one has prebuilt objects but no sources that they stand for: call them objects"},
		"absent source":            {module("name: one\n    sources:\n      - a.c\n      - b.c"), "p/kmod.yaml:5: module one: no such file: p/b.c"},
		"folder as source":         {module("name: one\n    sources: [.kept/../sub/../nodir.c]"), "p/kmod.yaml:3: module one: no such file: p/nodir.c"},
		"absent object":            {module("name: one\n    archs: [i386, armv7]\n    objects: [\"x.{arch}.o\"]"), "p/kmod.yaml:4: module one: no such file: p/x.armv7.o"},
		"object as source":         {module("name: one\n    sources: [pre.o]"), `p/kmod.yaml:3: "pre.o" is no source file: those end in .c, .S or .s (object files go under objects)`},
		"source with an at":        {module("name: one\n    sources: [\"sub/@a.c\"]"), `p/kmod.yaml:3: "sub/@a.c": compilers take a file name that begins with @ for a list of arguments: rename it`},
		"newline in a path":        {module(`name: one` + "\n    sources: [\"a\\nb.c\"]"), `p/kmod.yaml:3: "a\nb.c" holds a control character, which no path here may`},
		"empty path":               {module("name: one\n    objects: [\"\"]"), "p/kmod.yaml:3: an empty path"},
		"architecture":             {"archs: [i386, x86]\n" + module("name: one\n    sources: [a.c]"), `p/kmod.yaml:1: unknown architecture "x86": kmodpad knows aarch64, amd64, armv7, i386, powerpc, powerpc64, powerpc64le, riscv64`},
		"architecture twice":       {module("name: one\n    sources: [a.c]\n    archs: [i386, i386]"), "p/kmod.yaml:4: i386 stands here twice"},
		"flags of an architecture": {module("name: one\n    sources: [a.c]\n    arch_cflags: {x86: [-g]}"), `p/kmod.yaml:4: unknown architecture "x86": kmodpad knows aarch64, amd64, armv7, i386, powerpc, powerpc64, powerpc64le, riscv64`},
		"strategy":                 {module("name: one\n    sources: [a.c]\n    strategy: much"), `p/kmod.yaml:4: unknown strategy "much": there are none, upstream, constraint, sized-symbol, measured, auto`},
		"no padding at all":        {"max: 3\n" + module("name: one\n    sources: [a.c]"), "p/kmod.yaml:1: max is 3, but padding takes 4 bytes at least"},
		"negative padding":         {module("name: one\n    sources: [a.c]\n    max: -1"), "p/kmod.yaml:4: a number of zero or more is wanted here"},
		"padding in words":         {module("name: one\n    sources: [a.c]\n    max: much"), "p/kmod.yaml:4: a number of zero or more is wanted here"},
		"pattern":                  {module("name: one\n    sources: [a.c]\n    linkers: [\"ld[\"]"), `p/kmod.yaml:4: "ld[" is no pattern of names: write them like clang-1?, *-ld.bfd, ld.lld-[12]*`},
		"export":                   {module("name: one\n    sources: [a.c]\n    exports: [f, \"#g\"]"), `p/kmod.yaml:4: "#g" is no symbol's name`},
		"exports":                  {module("name: one\n    sources: [a.c]\n    exports: some"), `p/kmod.yaml:4: exports are a list of symbols or the word all, not "some"`},
		"rule":                     {module("name: one\n    sources: [a.c]\n    expect: [Boundary]"), `p/kmod.yaml:4: "Boundary" is no rule's name: they look like boundary-reference`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(tree(t, test.config), "p/kmod.yaml")
			require.EqualError(t, err, test.want)
		})
	}
}

func TestLoadAbsent(t *testing.T) {
	_, err := Load(afero.NewMemMapFs(), "kmod.yaml")
	require.ErrorContains(t, err, "open kmod.yaml: file does not exist: kmod.yaml in the working folder")
}

// FuzzLoad holds that no kmod.yaml makes Load panic, and that what it takes has
// names that are safe to make files of.
func FuzzLoad(f *testing.F) {
	f.Add("modules: [{name: one, sources: [a.c]}]")
	f.Add("modules:\n  - name: [one]\n    exports: all\n")
	f.Add("archs: &a [*a]\n")
	f.Add("modules:\n !tag ") // made the YAML package panic
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Load(tree(t, text), "p/kmod.yaml")
		if err != nil {
			return
		}
		for _, m := range c.Modules {
			require.Regexp(t, `\A[A-Za-z0-9_][A-Za-z0-9_.-]*\z`, m.Name)
		}
	})
}

func TestParseDeps(t *testing.T) {
	for rule, want := range map[string][]string{
		"deps: a.c b.h\n":                 {"a.c", "b.h"},
		"deps: a.c \\\n  b.h \\\n c.h\n":  {"a.c", "b.h", "c.h"},
		`deps: odd\ name.c x$$y.h \#z.h`:  {"odd name.c", "x$y.h", "#z.h"},
		`deps: back\\\ slash.c back\sl.h`: {`back\ slash.c`, `back\sl.h`},
		"deps: a.c b.h\n\nb.h:\n":         {"a.c", "b.h"},
		"deps: a.c\r\n":                   {"a.c"},
		"deps:":                           nil,
		"deps: it's\" a.c":                {`it's"`, "a.c"},
	} {
		have, err := parseDeps([]byte(rule))
		require.NoError(t, err)
		require.Equal(t, want, have, "%q", rule)
	}
	_, err := parseDeps([]byte("a.o: a.c"))
	require.Error(t, err)
}
