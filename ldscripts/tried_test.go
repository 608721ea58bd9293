package ldscripts_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// modules are the sets that a module of that name has. Every one names the
// start and stop symbols of both, as the kernel's headers make every source do.
var modules = map[string][]string{
	"none": nil,
	"vnet": {"set_vnet"},
	"pcpu": {"set_pcpu"},
	"both": {"set_pcpu", "set_vnet"},
}

// setSize is the size of each set without padding: no multiple of four.
const setSize = 13

func source(sets []string) string {
	var b strings.Builder
	for _, set := range ldscripts.Sets {
		fmt.Fprintf(&b, "__asm__(\".globl __start_%s\\n.globl __stop_%s\");\n", set, set)
	}
	for _, set := range sets {
		fmt.Fprintf(&b, "char in_%s[%d] __attribute__((section(\"%s\"))) = {1};\n", set, setSize, set)
	}
	b.WriteString("int plain = 1;\nint get(void) { return plain; }\n")
	return b.String()
}

// TestTried links modules with and without each set, on every architecture,
// with every linker of the list that is installed. With KMODPAD_REQUIRE=all one
// that is not fails the test.
func TestTried(t *testing.T) {
	for _, a := range arch.All {
		if a.Shape == arch.Relocatable {
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			objects := compile(t, a)
			for _, l := range ldscripts.Tried {
				t.Run(strings.ReplaceAll(l.String(), " ", "-"), func(t *testing.T) {
					t.Parallel()
					ld := find(t, l, a, objects["none"])
					for _, s := range []ldscripts.Strategy{ldscripts.Upstream, ldscripts.Constraint} {
						script := filepath.Join(a.Name, ldscripts.FileName+"."+string(s))
						for name, sets := range modules {
							kld, ko := ld.link(t, a, objects[name], "-T", script)
							checkSets(t, kld, s, sets)
							checkSets(t, ko, s, sets)
							checkSymbols(t, ko, s, sets)
						}
					}
				})
			}
		})
	}
}

// checkSets holds that padding is where a set is, and nowhere else.
func checkSets(t *testing.T, file string, s ldscripts.Strategy, sets []string) {
	t.Helper()
	f, err := elf.Open(file)
	require.NoError(t, err)
	defer f.Close()
	for _, name := range ldscripts.Sets {
		size := 0
		for _, set := range sets {
			if set == name {
				size = setSize
			}
		}
		section := f.Section(name)
		if size == 0 && s == ldscripts.Constraint {
			require.Nil(t, section, "%s: %s: the module has no %s", file, s, name)
			continue
		}
		require.NotNil(t, section, "%s: %s: no %s", file, s, name)
		data, err := section.Data()
		require.NoError(t, err)
		require.Len(t, data, size+ldscripts.SentinelSize, "%s: %s", file, name)
		require.Equal(t, []byte{0x90, 0x90, 0x90, 0x90}, data[size:], "%s: %s", file, name)
		require.Equal(t, elf.SHT_PROGBITS, section.Type)
		require.NotZero(t, section.Flags&elf.SHF_ALLOC)
		if size > 0 {
			require.NotZero(t, section.Flags&elf.SHF_WRITE)
		}
	}
}

// checkSymbols holds that the kernel finds those sets that are there, and only
// those: the symbols of the others stay undefined.
func checkSymbols(t *testing.T, ko string, s ldscripts.Strategy, sets []string) {
	t.Helper()
	f, err := elf.Open(ko)
	require.NoError(t, err)
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	require.NoError(t, err)
	defined := make(map[string]bool)
	for _, sym := range symbols {
		defined[sym.Name] = sym.Section != elf.SHN_UNDEF
	}
	for _, set := range ldscripts.Sets {
		there := s == ldscripts.Upstream
		for _, name := range sets {
			there = there || name == set
		}
		require.Equal(t, there, defined["__start_"+set], "%s: %s: __start_%s", ko, s, set)
		require.Equal(t, there, defined["__stop_"+set], "%s: %s: __stop_%s", ko, s, set)
	}
}

// linker is one that was found, and what it calls the architecture.
type linker struct{ path, emulation string }

// link makes both stages and returns their outputs.
func (l linker) link(t *testing.T, a *arch.Arch, object string, stageOne ...string) (kld, ko string) {
	t.Helper()
	dir := t.TempDir()
	kld, ko = filepath.Join(dir, "m.kld"), filepath.Join(dir, "m.ko")
	args := append([]string{"-m", l.emulation}, a.LDFlags...)
	run(t, l.path, append(append(args[:len(args):len(args)], stageOne...), "-r", "-o", kld, object)...)
	run(t, l.path, append(args, "-Bshareable", "-znotext", "-znorelro", "--hash-style=sysv", "-o", ko, kld)...)
	return kld, ko
}

// find looks for a linker of the list that knows the architecture.
func find(t *testing.T, l ldscripts.Linker, a *arch.Arch, object string) linker {
	t.Helper()
	names := []string{"ld.lld-" + l.Version, "ld.lld"}
	if l.Kind == "ld.bfd" {
		names = []string{"ld.bfd"}
		for _, prefix := range a.GNUPrefixes {
			names = append(names, prefix+"-ld.bfd")
		}
	}
	version := regexp.MustCompile(`\b` + regexp.QuoteMeta(l.Version) + `(\.|\s|$)`)
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		says, err := exec.Command(path, "--version").Output()
		first, _, _ := strings.Cut(string(says), "\n")
		if err != nil || !version.MatchString(first) {
			continue
		}
		for _, emulation := range a.Emulations {
			if exec.Command(path, "-m", emulation, "-r", "-o", filepath.Join(t.TempDir(), "o"), object).Run() == nil {
				return linker{path, emulation}
			}
		}
	}
	absent(t, fmt.Sprintf("%s for %s", l, a))
	return linker{}
}

// compile makes an object file of each module.
func compile(t *testing.T, a *arch.Arch) map[string]string {
	t.Helper()
	objects := make(map[string]string)
	for name, sets := range modules {
		objects[name] = filepath.Join(t.TempDir(), name+".o")
		cc(t, a, objects[name], source(sets))
	}
	return objects
}

func cc(t *testing.T, a *arch.Arch, object, text string) {
	t.Helper()
	for _, name := range []string{"clang-19", "clang-22", "clang-16", "clang-15", "clang-14", "clang-13", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			c := strings.TrimSuffix(object, ".o") + ".c"
			require.NoError(t, os.WriteFile(c, []byte(text), 0o666))
			flags := append([]string{"--target=" + a.Target}, append(a.CFlags, a.ClangCFlags...)...)
			run(t, path, append(flags, "-ffreestanding", "-c", "-o", object, c)...)
			return
		}
	}
	absent(t, "clang")
}

func run(t *testing.T, path string, args ...string) {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", path, strings.Join(args, " "), out)
}

// absent skips a test for want of a tool, or fails it where all are required.
func absent(t *testing.T, tool string) {
	t.Helper()
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", tool)
	}
	t.Skipf("%s is not installed", tool)
}
