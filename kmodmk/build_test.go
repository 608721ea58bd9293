package kmodmk

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
)

// project is a kmod.yaml with two modules, one with a virtualised array and
// one without, and with names that a careless command line would fall over.
var project = map[string]string{
	"kmod.yaml": `
includes: ["odd $inc's"]
modules:
  - name: with
    sources: [with.c, "-x'$y.c", "@sub/with.c"]
    exports: [with_get]
  - name: without
    sources: [without.c]
    exports: all
    cflags: [-g]
  - name: closed
    sources: [without.c]
`,
	"odd $inc's/sets.h": `__asm__(".globl __start_set_vnet\n.globl __stop_set_vnet\n.globl __start_set_pcpu\n.globl __stop_set_pcpu");` + "\n",
	"with.c": "#include <sets.h>\n#include \"with size.h\"\n" +
		`__attribute__((section("set_vnet"))) int with_array[SIZE]; int with_helper(int);
int with_get(int i) { return with_array[i] + with_helper(i); }`,
	"with size.h": "#define SIZE 3\n",
	"-x'$y.c":     "#include <sets.h>\nint with_other; int with_helper(int i) { return with_other + i; }\n",
	"@sub/with.c": "int with_third = 3;\n",
	"without.c":   "#include <sets.h>\nint f(int); int plain; int get(void) { return f(plain); }\n",
}

// fine is a verifier that likes everything.
func fine(_ context.Context, ko, kld string) (*padcheck.Module, error) {
	for _, name := range []string{ko, kld} {
		if _, err := os.Stat(name); err != nil {
			return nil, err
		}
	}
	return &padcheck.Module{Path: ko, Verdict: padcheck.OK}, nil
}

func load(t *testing.T, dir string) *Config {
	t.Helper()
	c, err := Load(afero.NewOsFs(), filepath.Join(dir, "kmod.yaml"))
	require.NoError(t, err)
	return c
}

func build(t *testing.T, dir string, set Toolset, opt Options) *Result {
	t.Helper()
	if opt.Verify == nil {
		opt.Verify = fine
	}
	result, err := Build(t.Context(), load(t, dir), Tools{"i386": set}, opt)
	require.NoError(t, err)
	return result
}

func requireGood(t *testing.T, r *Result) {
	t.Helper()
	for _, row := range r.Rows {
		require.True(t, row.Good(), "%s with %s: %q", row.Module, row.Linker, row.Reasons())
	}
	require.NoError(t, r.Err())
}

// Padding is where a set is and nowhere else, whatever linker made the module.
func TestBuild(t *testing.T) {
	set := i386(t)
	dir := filepath.Join(t.TempDir(), "a folder's $HOME")
	write(t, dir, project)
	result := build(t, dir, set, Options{})
	requireGood(t, result)
	require.Len(t, result.Rows, 3*len(set.Linkers))

	for _, row := range result.Rows {
		file, err := elf.Open(filepath.Join(dir, row.Plan.KO))
		require.NoError(t, err)
		defer file.Close()
		require.Equal(t, elf.ET_DYN, file.Type)
		for _, s := range file.Sections {
			require.NotContains(t, s.Name, "debug", "%s %s", row.Module, row.Linker)
		}
		require.Nil(t, file.Section("set_pcpu"), "%s %s", row.Module, row.Linker)
		require.NotNil(t, file.Section(".hash"), "%s %s", row.Module, row.Linker)
		sym := dynamic(t, file)
		require.Equal(t, elf.SHN_UNDEF, sym["__start_set_pcpu"], "%s %s", row.Module, row.Linker)
		if row.Module == "without" {
			require.Nil(t, file.Section("set_vnet"), row.Linker)
			require.Equal(t, elf.SHN_UNDEF, sym["__start_set_vnet"], row.Linker)
			require.Equal(t, elf.SHN_UNDEF, sym["f"])
			require.Contains(t, sym, "plain", "all symbols are exported")
			continue
		}
		if row.Module == "closed" {
			require.Equal(t, elf.SHN_UNDEF, sym["f"])
			require.NotContains(t, sym, "plain", "nothing is exported")
			require.NotContains(t, sym, "get", "nothing is exported")
			continue
		}
		data, err := file.Section("set_vnet").Data()
		require.NoError(t, err)
		require.Equal(t, append(make([]byte, 12), 0x90, 0x90, 0x90, 0x90), data, row.Linker)
		require.NotEqual(t, elf.SHN_UNDEF, sym["__start_set_vnet"], row.Linker)
		require.Contains(t, sym, "with_get", "exported")
		require.NotContains(t, sym, "with_helper", "made local")
		require.NotContains(t, sym, "with_array", "made local")
	}
}

func dynamic(t *testing.T, file *elf.File) map[string]elf.SectionIndex {
	t.Helper()
	symbols, err := file.DynamicSymbols()
	require.NoError(t, err)
	sections := make(map[string]elf.SectionIndex)
	for _, s := range symbols {
		sections[s.Name] = s.Section
	}
	return sections
}

// A second build does nothing; after a change, only what depends on it.
func TestBuildAgain(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, project)
	linkers := len(set.Linkers)
	// Five objects; two links of every module, and an objcopy of two of them.
	require.Equal(t, 5+8*linkers, build(t, dir, set, Options{}).Ran)
	before := contents(t, filepath.Join(dir, DefaultOut))
	require.Zero(t, build(t, dir, set, Options{}).Ran)
	require.Equal(t, before, contents(t, filepath.Join(dir, DefaultOut)))

	now := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "with.c"), now, now))
	require.Zero(t, build(t, dir, set, Options{}).Ran, "touched, not changed")

	write(t, dir, map[string]string{"with size.h": "#define SIZE 5\n"})
	require.Equal(t, 1+3*linkers, build(t, dir, set, Options{}).Ran, "a header")

	write(t, dir, map[string]string{"with size.h": "#define SIZE 3 /* as before */\n"})
	require.Equal(t, 1+3*linkers, build(t, dir, set, Options{}).Ran)
	require.Equal(t, modules(before), modules(contents(t, filepath.Join(dir, DefaultOut))))

	write(t, dir, map[string]string{"with.c": project["with.c"] + "// nothing new\n"})
	require.Equal(t, 1, build(t, dir, set, Options{}).Ran, "an object that stays the same links nothing")

	one := result(t, build(t, dir, set, Options{}), "with", set.Linkers[0].Name)
	require.NoError(t, os.WriteFile(filepath.Join(dir, one.Plan.KO), []byte("torn"), 0o666))
	require.Equal(t, 1, build(t, dir, set, Options{}).Ran, "an output that someone else wrote to")
	require.Equal(t, modules(before), modules(contents(t, filepath.Join(dir, DefaultOut))))

	config := strings.Replace(project["kmod.yaml"], "[-g]", "[-Os]", 1)
	write(t, dir, map[string]string{"kmod.yaml": config})
	require.Equal(t, 1+2*linkers, build(t, dir, set, Options{}).Ran, "a flag")
}

// An output whose input changed meanwhile may be of the old or the new one: it
// is made again.
func TestInputChangesMeanwhile(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, project)
	write(t, dir, map[string]string{"kmod.yaml": "modules: [{name: one, sources: [without.c], exports: all, includes: [\"odd $inc's\"]}]"})
	clang := set.Compilers[0].Path
	set.Compilers[0].Path = script(t, dir, "cc", `'`+clang+`' "$@"; [ -e once ] || echo 'int more;' >>without.c; : >once`)
	set.Linkers = set.Linkers[:1]
	require.Equal(t, 3, build(t, dir, set, Options{}).Ran)
	require.Equal(t, 3, build(t, dir, set, Options{}).Ran)
	require.Zero(t, build(t, dir, set, Options{}).Ran)
}

// Another program of the same name may make another output.
func TestToolChanges(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, project)
	real := set.Linkers[0].Path
	set.Linkers = set.Linkers[:1]
	set.Linkers[0].Path = script(t, dir, "ld", `exec '`+real+`' "$@"`)
	requireGood(t, build(t, dir, set, Options{}))
	require.Zero(t, build(t, dir, set, Options{}).Ran)
	script(t, dir, "ld", `exec '`+real+`'  "$@"`)
	require.Equal(t, 6, build(t, dir, set, Options{}).Ran, "every link, with the same result")
}

func result(t *testing.T, r *Result, module, linker string) *Row {
	t.Helper()
	for _, row := range r.Rows {
		if row.Module == module && row.Linker == linker {
			return row
		}
	}
	require.Fail(t, "no such row")
	return nil
}

// contents are all files below a folder.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			files[strings.TrimPrefix(name, root)] = string(text)
		}
		return err
	})
	require.NoError(t, err)
	return files
}

func modules(files map[string]string) map[string]string {
	out := make(map[string]string)
	for name, text := range files {
		if strings.HasSuffix(name, ".ko") {
			out[name] = text
		}
	}
	return out
}

// The plan as printed and run by sh makes the same modules as running it.
func TestShell(t *testing.T) {
	set := i386(t)
	parent := t.TempDir()
	ran, pasted := filepath.Join(parent, "ran"), filepath.Join(parent, "pasted")
	write(t, ran, project)
	write(t, pasted, project)
	out := "-odd $out's/of it"
	requireGood(t, build(t, ran, set, Options{Out: out}))

	text, err := Shell(load(t, pasted), Tools{"i386": set}, out)
	require.NoError(t, err)
	sh := exec.Command("sh")
	sh.Stdin, sh.Dir = strings.NewReader(text), parent
	said, err := sh.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, said)
	have := modules(contents(t, filepath.Join(pasted, out)))
	require.Len(t, have, 3*len(set.Linkers))
	require.Equal(t, modules(contents(t, filepath.Join(ran, out))), have)
}

// Modules of amd64 are relocatable, and no strategy pads them.
func TestBuildRelocatable(t *testing.T) {
	a := architecture(t, "amd64")
	clang := need(t, "clang-19", "clang-22", "clang-16", "clang-15", "clang-14", "clang-13", "clang")
	set := Toolset{
		Compilers: []Compiler{{Tool: Tool{Name: "clang", Path: clang}, Flags: append([]string{"--target=" + a.Target}, a.CFlags...)}},
		Objcopy:   need(t, "objcopy"),
		Linkers: []Linker{
			{Tool: Tool{Name: "ld.bfd", Path: need(t, "ld.bfd")}, Kind: "ld.bfd", Emulation: "elf_x86_64"},
			{Tool: Tool{Name: "ld.lld", Path: need(t, "ld.lld-19", "ld.lld-13", "ld.lld")}, Kind: "ld.lld", Emulation: "elf_x86_64_fbsd"},
		},
	}
	dir := t.TempDir()
	write(t, dir, project)
	config := strings.Replace(project["kmod.yaml"], "modules:", "archs: [amd64]\ncflags: [-g]\nmodules:", 1)
	write(t, dir, map[string]string{"kmod.yaml": config})
	result, err := Build(t.Context(), load(t, dir), Tools{"amd64": set}, Options{Verify: fine})
	require.NoError(t, err)
	requireGood(t, result)
	for _, row := range result.Rows {
		require.Equal(t, "none", row.Strategy)
		file, err := elf.Open(filepath.Join(dir, row.Plan.KO))
		require.NoError(t, err)
		defer file.Close()
		require.Equal(t, elf.ET_REL, file.Type)
		for _, s := range file.Sections {
			require.NotContains(t, s.Name, "debug", "%s %s", row.Module, row.Linker)
		}
		if row.Module == "with" {
			data, err := file.Section("set_vnet").Data()
			require.NoError(t, err)
			require.Len(t, data, 12)
		}
	}
}

// Whatever a tool does wrong ends in its own rows, and leaves no output behind.
func TestBuildBrokenTools(t *testing.T) {
	good := i386(t)
	for name, test := range map[string]struct {
		linker  string
		timeout time.Duration
		want    string
	}{
		"fails":          {linker: "echo ld: error: no love today >&2; exit 1", want: "link stage 1: bad-ld: exit status 1: ld: error: no love today"},
		"half an output": {linker: `while [ "$1" != -o ]; do shift; done; echo half >"$2"; exit 3`, want: "link stage 1: bad-ld: exit status 3"},
		"no output":      {linker: "exit 0", want: "link stage 1: bad-ld says that it succeeded but made no "},
		"hangs":          {linker: `while [ "$1" != -o ]; do shift; done; echo half >"$2"; sleep 1000`, timeout: time.Second, want: "bad-ld: killed because it did not finish in time (1s)"},
		"is missing":     {want: "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, project)
			bad := Linker{Tool: Tool{Name: "bad", Path: filepath.Join(dir, "bad-ld")}, Kind: "ld.lld", Emulation: "elf_i386_fbsd"}
			if test.linker != "" {
				script(t, dir, "bad-ld", test.linker)
			}
			set := good
			set.Linkers = []Linker{bad, good.Linkers[0]}
			result := build(t, dir, set, Options{Timeout: test.timeout})
			require.ErrorIs(t, result.Err(), ErrUnusable)
			require.EqualError(t, result.Err(), "3 of 6 modules: not built")
			for _, row := range result.Rows {
				if row.Linker != "bad" {
					require.NoError(t, row.Err)
					require.True(t, row.Good())
					continue
				}
				require.ErrorContains(t, row.Err, test.want)
				require.Equal(t, "failed", row.Verdict())
			}
			for name := range contents(t, filepath.Join(dir, DefaultOut)) {
				if strings.Contains(name, "/bad/") {
					require.True(t, strings.HasSuffix(name, ".exports"), "left behind: %s", name)
				}
				require.NotContains(t, name, "/.tmp-")
			}
		})
	}
}

// A build that is interrupted leaves whole files only, and the next one goes on.
func TestBuildInterrupted(t *testing.T) {
	good := i386(t)
	dir := t.TempDir()
	write(t, dir, project)
	started := filepath.Join(dir, "started")
	script(t, dir, "slow-ld", `while [ "$1" != -o ]; do shift; done; echo half >"$2"; touch '`+started+`'; sleep 1000`)
	set := good
	set.Linkers = []Linker{{Tool: Tool{Name: "slow", Path: filepath.Join(dir, "slow-ld")}, Kind: "ld.bfd", Emulation: "elf_i386_fbsd"}}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for {
			if _, err := os.Stat(started); err == nil {
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := Build(ctx, load(t, dir), Tools{"i386": set}, Options{Verify: fine})
	require.ErrorIs(t, err, context.Canceled)
	for name, text := range contents(t, filepath.Join(dir, DefaultOut)) {
		require.NotContains(t, text, "half", name)
		require.NotContains(t, name, "/.tmp-")
	}

	script(t, dir, "slow-ld", `exec '`+good.Linkers[0].Path+`' "$@"`)
	requireGood(t, build(t, dir, set, Options{}))
}

// Without a compiler, or without the objcopy that it needs, a module with
// sources is linked from its prebuilt objects.
func TestPrebuilt(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, project)
	requireGood(t, build(t, dir, set, Options{Out: "first"}))
	object, err := os.ReadFile(filepath.Join(dir, "first/i386/clang/obj/without/without.o"))
	require.NoError(t, err)
	write(t, dir, map[string]string{
		"ready/i386.o": string(object),
		"kmod.yaml":    "modules: [{name: one, sources: [without.c], prebuilt: [\"ready/{arch}.o\"], includes: [\"odd $inc's\"]}, {name: two, sources: [without.c], includes: [\"odd $inc's\"]}]",
	})
	for name, lack := range map[string]func(*Toolset){
		"no compiler for i386 that matches * is installed":       func(s *Toolset) { s.Compilers = nil },
		"no objcopy for i386 is installed to make symbols local": func(s *Toolset) { s.Objcopy = "" },
	} {
		t.Run(name, func(t *testing.T) {
			less := set
			lack(&less)
			result := build(t, dir, less, Options{})
			for _, row := range result.Rows {
				if row.Module == "one" {
					require.NoError(t, row.Err)
					require.Equal(t, "prebuilt", row.Compiler)
				} else {
					require.ErrorContains(t, row.Err, name)
				}
			}
			require.Len(t, result.Rows, len(set.Linkers)+1)
		})
	}
	full := build(t, dir, set, Options{})
	requireGood(t, full)
	require.Equal(t, "clang", full.Rows[0].Compiler)
}

func TestNoLinker(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, project)
	result := build(t, dir, Toolset{}, Options{})
	require.Len(t, result.Rows, 3)
	require.EqualError(t, result.Rows[0].Err, `no linker for i386 that matches * is installed: run "go tool mage setup"`)
	var b bytes.Buffer
	require.NoError(t, result.Print(&b, false))
	require.Contains(t, b.String(), "with     i386  -         -       -         -     -        failed\n")
}

func TestPatterns(t *testing.T) {
	set := Toolset{
		Compilers: []Compiler{{Tool: Tool{Name: "clang-22", Aliases: []string{"clang"}}}, {Tool: Tool{Name: "clang-19"}}, {Tool: Tool{Name: "x-gcc-12"}}},
		Linkers:   []Linker{{Tool: Tool{Name: "ld.lld-22"}}, {Tool: Tool{Name: "ld.lld-9"}}, {Tool: Tool{Name: "x-ld.bfd", Aliases: []string{"ld"}}}},
	}
	names := func(patterns ...string) (out []string) {
		for _, c := range set.compilers(patterns) {
			out = append(out, c.Name)
		}
		return out
	}
	require.Equal(t, []string{"clang-22"}, names("*"))
	require.Equal(t, []string{"clang-19"}, names("clang-1?"))
	require.Equal(t, []string{"x-gcc-12", "clang-22"}, names("*gcc*", "clang", "clang-2*"))
	require.Empty(t, names("icc"))
	require.Len(t, set.linkers([]string{"*"}), 3)
	require.Len(t, set.linkers([]string{"ld.lld-*", "ld.lld-2?"}), 2)
	require.Len(t, set.linkers([]string{"ld"}), 1)
}
