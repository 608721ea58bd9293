package testdata

import (
	"bytes"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

var update = flag.Bool("update", false, "write testdata/objects again instead of comparing")

func load(t *testing.T) *Samples {
	t.Helper()
	s, err := LoadSamples()
	require.NoError(t, err)
	return s
}

func byName(t *testing.T, name string) *arch.Arch {
	t.Helper()
	a, err := arch.ByName(name)
	require.NoError(t, err)
	return a
}

// absent skips a test whose tool is not installed, or fails it where all tools
// are required.
func absent(t *testing.T, tool string) {
	t.Helper()
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", tool)
	}
	t.Skipf("%s is not installed", tool)
}

// compiler is the command line that calls a compiler of samples.yaml for an
// architecture's kernel, without the flags that every sample shares, and those
// flags of the architecture that come after them.
func compiler(t *testing.T, name string, a *arch.Arch) (command, own []string) {
	t.Helper()
	if strings.HasPrefix(name, "clang") {
		path, err := exec.LookPath(name)
		if err != nil {
			absent(t, name)
		}
		// Not every version needs every flag; that is no fault of the sample.
		return []string{path, "--target=" + a.Target, "-Qunused-arguments"}, slices.Concat(a.CFlags, a.ClangCFlags)
	}
	own = slices.Concat(a.CFlags, a.GCCCFlags)
	for _, prefix := range a.GNUPrefixes {
		path, err := exec.LookPath(prefix + "-" + name)
		if err != nil {
			continue
		}
		// The last prefixes may be of another machine's tools.
		try := exec.Command(path, append(own[:len(own):len(own)], "-fsyntax-only", "-x", "c", os.DevNull)...)
		if try.Run() == nil {
			return []string{path}, own
		}
	}
	absent(t, name+" for "+a.Name)
	return nil, nil
}

// compile makes the sample's object in dir. The sources have relative names,
// so that nothing of the machine gets into the object.
func compile(t *testing.T, s *Samples, m *Sample, a *arch.Arch, name, dir string, more ...string) string {
	t.Helper()
	require.Len(t, m.Sources, 1, "a sample is one file")
	command, own := compiler(t, name, a)
	object := filepath.Join(dir, m.Name+".o")
	args := append(command[1:], s.Flags(m, a.Name, own)...)
	for _, include := range s.Includes {
		args = append(args, "-I", include)
	}
	args = append(args, "-Wall", "-Wextra", "-Werror")
	args = append(args, more...)
	run(t, "samples", command[0], append(args, "-c", m.Sources[0], "-o", object)...)
	return object
}

// run runs a command that must succeed and has nothing to say.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", cmd, out)
	require.Empty(t, string(out), "%s", cmd)
}

// reference is a relocation as the compiler wrote it.
type reference struct {
	in     string // section that holds it
	to     string // section, or undefined symbol, that it is to
	at     int64  // S+A from the section's first byte, or A
	size   int64  // of the section
	symbol string
	kind   string
}

// outside says that a reference leaves the data section it is to.
func (r reference) outside() bool {
	data := []string{"set_vnet", "set_pcpu", ".data", ".bss"}
	return slices.Contains(data, r.to) && (r.at < 0 || r.at >= r.size)
}

func (r reference) offset() Offset {
	if r.size > 0 && r.at >= r.size {
		return Offset{FromStop: true, Bytes: r.at - r.size}
	}
	return Offset{Bytes: r.at}
}

func (r reference) String() string {
	return fmt.Sprintf("%s in %s to %s:%s", r.kind, r.in, r.to, r.offset())
}

// kind is a relocation type's name.
func kind(a *arch.Arch, typ uint32) string {
	switch a.Machine {
	case elf.EM_386:
		return elf.R_386(typ).String()
	case elf.EM_AARCH64:
		return elf.R_AARCH64(typ).String()
	case elf.EM_ARM:
		return elf.R_ARM(typ).String()
	case elf.EM_PPC:
		return elf.R_PPC(typ).String()
	case elf.EM_PPC64:
		return elf.R_PPC64(typ).String()
	case elf.EM_RISCV:
		return elf.R_RISCV(typ).String()
	case elf.EM_X86_64:
		return elf.R_X86_64(typ).String()
	}
	return fmt.Sprint("type ", typ)
}

// addendIsTarget says whether S+A is the address that is meant. The addend of
// calls and of loads relative to the program counter makes up for how the
// processor counts.
func addendIsTarget(name string, s elf.SectionType) bool {
	if s == elf.SHT_RELA {
		return name != "R_X86_64_PC32" && name != "R_X86_64_PLT32"
	}
	return strings.HasPrefix(name, "R_386_") || slices.Contains([]string{"R_ARM_ABS32", "R_ARM_REL32", "R_ARM_TARGET1"}, name)
}

// references lists the references of an object's allocated sections to its data
// and to symbols that it does not define.
func references(t *testing.T, path string) []reference {
	t.Helper()
	f, err := elf.Open(path)
	require.NoError(t, err)
	defer f.Close()
	a := arch.ByELF(f.Machine, f.Class, f.ByteOrder)
	require.NotNil(t, a)
	symbols, err := f.Symbols()
	require.NoError(t, err)

	var refs []reference
	for _, s := range f.Sections {
		if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA {
			continue
		}
		target := f.Sections[s.Info]
		if target.Flags&elf.SHF_ALLOC == 0 || strings.HasPrefix(target.Name, ".eh_frame") || strings.HasPrefix(target.Name, ".ARM.") {
			continue
		}
		content, err := target.Data()
		require.NoError(t, err)
		table, err := s.Data()
		require.NoError(t, err)
		for ; len(table) > 0; table = table[s.Entsize:] {
			offset, symbol, typ, addend := entry(f, s, table)
			if symbol == 0 {
				continue
			}
			name := kind(a, typ)
			if !addendIsTarget(name, s.Type) {
				continue
			}
			if s.Type == elf.SHT_REL {
				addend = int64(int32(f.ByteOrder.Uint32(content[offset:])))
			}
			y := symbols[symbol-1]
			r := reference{in: target.Name, to: y.Name, at: addend, symbol: y.Name, kind: name}
			if y.Section != elf.SHN_UNDEF && y.Section < elf.SHN_LORESERVE {
				to := f.Sections[y.Section]
				if to.Flags&elf.SHF_WRITE == 0 || to.Flags&elf.SHF_ALLOC == 0 {
					continue
				}
				r.to, r.at, r.size = to.Name, int64(y.Value)+addend, int64(to.Size)
			}
			refs = append(refs, r)
		}
	}
	return refs
}

// entry reads the first entry of a relocation table.
func entry(f *elf.File, s *elf.Section, table []byte) (offset uint64, symbol, typ uint32, addend int64) {
	order := f.ByteOrder
	if f.Class == elf.ELFCLASS32 {
		info := order.Uint32(table[4:])
		if s.Type == elf.SHT_RELA {
			addend = int64(int32(order.Uint32(table[8:])))
		}
		return uint64(order.Uint32(table)), info >> 8, info & 0xff, addend
	}
	info := order.Uint64(table[8:])
	if s.Type == elf.SHT_RELA {
		addend = int64(order.Uint64(table[16:]))
	}
	return order.Uint64(table), uint32(info >> 32), uint32(info), addend
}

// TestSamplesShow holds the objects of every compiler to samples.yaml.
func TestSamplesShow(t *testing.T) {
	t.Parallel()
	s := load(t)
	a := byName(t, "i386")
	for _, name := range s.Compilers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiler(t, name, a)
			for _, m := range s.Modules {
				t.Run(m.Name, func(t *testing.T) {
					object := compile(t, s, m, a, name, t.TempDir())
					checkSets(t, m, object)
					checkShows(t, m, name, references(t, object))
				})
			}
		})
	}
}

// checkSets holds an object to the sets that its sample should have.
func checkSets(t *testing.T, m *Sample, object string) {
	t.Helper()
	f, err := elf.Open(object)
	require.NoError(t, err)
	defer f.Close()
	found := make(map[string]uint64)
	for _, set := range []string{"set_vnet", "set_pcpu"} {
		if s := f.Section(set); s != nil {
			found[set] = s.Size
		}
	}
	assert.Equal(t, m.Sets, found, "sizes of the sets")

	// What <net/vnet.h> makes of every module that includes it.
	symbols, err := f.Symbols()
	require.NoError(t, err)
	for _, name := range []string{"__start_set_vnet", "__stop_set_vnet", "__start_set_pcpu", "__stop_set_pcpu"} {
		assert.True(t, slices.ContainsFunc(symbols, func(y elf.Symbol) bool {
			return y.Name == name && y.Section == elf.SHN_UNDEF && elf.ST_BIND(y.Info) == elf.STB_GLOBAL
		}), "%s is not named", name)
	}
}

// checkShows looks for every reference that the sample shows with a compiler,
// and for others that leave their section.
func checkShows(t *testing.T, m *Sample, compiler string, refs []reference) {
	t.Helper()
	shown := make(map[reference]bool)
	for _, show := range m.Shows {
		if !show.On("i386") || !show.ShownBy(compiler) {
			continue
		}
		require.NotEqual(t, show.Section == "", show.Symbol == "", "%s: one of section and symbol", m.Name)
		in, kind := show.In, show.Type
		if in == "" {
			in = ".text"
		}
		if kind == "" {
			kind = "R_386_32"
		}
		for _, at := range show.At {
			i := slices.IndexFunc(refs, func(r reference) bool {
				if r.in != in || r.kind != kind {
					return false
				}
				if show.Symbol != "" {
					return r.symbol == show.Symbol && r.at == at.Bytes
				}
				return r.to == show.Section && r.at == at.In(uint64(r.size))
			})
			if assert.GreaterOrEqual(t, i, 0, "no %s in %s to %s%s:%s; there are %v", kind, in, show.Section, show.Symbol, at, refs) {
				shown[refs[i]] = true
			}
		}
	}
	for _, r := range refs {
		assert.False(t, r.outside() && !shown[r], "%v is not listed in samples.yaml", r)
	}
}

// TestSamplesElsewhere compiles every sample for every other architecture with
// every compiler, and looks for references that leave the sets.
func TestSamplesElsewhere(t *testing.T) {
	t.Parallel()
	s := load(t)
	here, err := filepath.Abs("samples")
	require.NoError(t, err)
	for _, a := range arch.All {
		if a.Name == "i386" {
			continue
		}
		for _, name := range s.Compilers {
			t.Run(a.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				command, own := compiler(t, name, a)
				args := append(command[1:], s.Flags(nil, a.Name, own)...)
				for _, include := range s.Includes {
					args = append(args, "-I", filepath.Join(here, include))
				}
				args = append(args, "-Wall", "-Wextra", "-Werror", "-c")
				for _, m := range s.Modules {
					args = append(args, filepath.Join(here, m.Sources[0]))
				}
				run(t, dir, command[0], args...)
				for _, m := range s.Modules {
					checkElsewhere(t, m, a.Name, name, references(t, filepath.Join(dir, m.Name+".o")))
				}
			})
		}
	}
}

// checkElsewhere compares the references that leave the sets with those that
// samples.yaml lists for an architecture.
func checkElsewhere(t *testing.T, m *Sample, arch, compiler string, refs []reference) {
	t.Helper()
	want, found := []string{}, []string{}
	for _, show := range m.Shows {
		if show.On(arch) && show.ShownBy(compiler) {
			for _, at := range show.At {
				want = append(want, fmt.Sprintf("%s:%s", show.Section, at))
			}
		}
	}
	for _, r := range refs {
		if r.outside() && strings.HasPrefix(r.to, "set_") {
			found = append(found, fmt.Sprintf("%s:%s", r.to, r.offset()))
		}
	}
	slices.Sort(found)
	assert.ElementsMatch(t, want, slices.Compact(found), m.Name)
}

// objectTools are the two programs that testdata/objects is made with. Another
// compiler's objects would show the same, but not be the same bytes.
const (
	objectCompiler = "clang-19"
	objectObjcopy  = "i686-kfreebsd-gnu-objcopy"
)

// TestObjects builds testdata/objects again and compares, or, with -update,
// writes it.
func TestObjects(t *testing.T) {
	t.Parallel()
	s := load(t)
	a := byName(t, "i386")
	compiler(t, objectCompiler, a)
	objcopy, err := exec.LookPath(objectObjcopy)
	if err != nil {
		absent(t, objectObjcopy)
	}
	var want []string
	for _, m := range s.Modules {
		name := filepath.Join("objects", a.Name, m.Name+".o")
		want = append(want, name)
		// No name of the compiler's release, and no table of symbols that
		// objcopy would leave pointing at the wrong ones.
		object := compile(t, s, m, a, objectCompiler, t.TempDir(), "-Qn", "-fno-addrsig")
		args := []string{"--strip-debug"}
		for _, e := range m.Exports {
			args = append(args, "--keep-global-symbol="+e)
		}
		run(t, ".", objcopy, append(args, object)...)
		built, err := os.ReadFile(object)
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(name, built, 0o644))
			continue
		}
		kept, err := Objects.ReadFile(filepath.ToSlash(name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(kept, built), "%s is not what the sources make: run go test ./testdata -run TestObjects -update", name)
	}
	found, err := filepath.Glob(filepath.Join("objects", "*", "*"))
	require.NoError(t, err)
	assert.ElementsMatch(t, want, found, "one object a sample and no others")
}

// TestObjectsShow holds the kept objects to samples.yaml without any tool.
func TestObjectsShow(t *testing.T) {
	t.Parallel()
	for _, m := range load(t).Modules {
		t.Run(m.Name, func(t *testing.T) {
			object := filepath.Join("objects", "i386", m.Name+".o")
			checkSets(t, m, object)
			checkShows(t, m, objectCompiler, references(t, object))

			f, err := elf.Open(object)
			require.NoError(t, err)
			defer f.Close()
			symbols, err := f.Symbols()
			require.NoError(t, err)
			var global []string
			for _, y := range symbols {
				if y.Section != elf.SHN_UNDEF && elf.ST_BIND(y.Info) != elf.STB_LOCAL {
					global = append(global, y.Name)
				}
			}
			assert.ElementsMatch(t, m.Exports, global, "exported symbols")
		})
	}
}
