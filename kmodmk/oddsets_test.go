package kmodmk

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
)

// oddSet builds a module whose set is out of the ordinary with every linker and
// the strategy auto, and holds every row to be good.
func oddSet(t *testing.T, set Toolset, dir, settings string, files map[string]string) *Result {
	t.Helper()
	var sources string
	for name, text := range files {
		write(t, dir, map[string]string{name: sets + text})
		sources += name + ", "
	}
	write(t, dir, map[string]string{"kmod.yaml": settings + "\nmodules: [{name: odd, sources: [" + sources + "], exports: all}]\n"})
	built := build(t, dir, set, Options{Verify: verify})
	requireGood(t, built)
	return built
}

// open reads the module of a row.
func (r *Row) open(t *testing.T, dir string) *elf.File {
	t.Helper()
	file, err := elf.Open(filepath.Join(dir, r.Plan.KO))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// ONLY_IF_RW drops the statement of a set whose inputs are all read-only. The
// script made for the module names it all the same, and its guards are of its
// kind, so that they stay beside it.
func TestReadOnlySet(t *testing.T) {
	set, dir := i386(t), t.TempDir()
	built := oddSet(t, set, dir, "", map[string]string{"ro.c": `
__attribute__((section("set_vnet"))) const int array[4] = {1, 2, 3, 4};
const int *const at[] = {array - 2, array + 4, array + 6};
extern const int rodata[2];
extern int data[2];
const int *const rodata_at[] = {rodata + 3};
int *data_at[] = {data + 2};
int bss[1], *bss_at = bss - 3;
const int rodata[2] = {1, 2};
int data[2] = {1};
`})
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "vnet 8+12", row.padding(), row.Linker)
		file := row.open(t, dir)
		before, vnet, after := file.Section(".kmodpad.before.set_vnet"), file.Section("set_vnet"), file.Section(".kmodpad.after.set_vnet")
		for _, s := range []*elf.Section{before, vnet, after} {
			require.Equal(t, elf.SHF_ALLOC, s.Flags, "%s with %s", s.Name, row.Linker)
		}
		require.Equal(t, vnet.Addr, before.Addr+before.Size, row.Linker)
		require.Equal(t, after.Addr, vnet.Addr+vnet.Size, row.Linker)
	}
	// Where nothing is outside, the missing sentinel is what asks for it.
	built = oddSet(t, set, t.TempDir(), "", map[string]string{"ro.c": `__attribute__((section("set_vnet"))) const int array[4] = {1}; const int *const at = array;`})
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "set_vnet lacks the sentinel", row.Why, row.Linker)
		require.Equal(t, "vnet 0+4", row.padding(), row.Linker)
	}
}

// A set with inputs of both kinds is writable as a whole, and padded once.
func TestMixedSet(t *testing.T) {
	set := i386(t)
	files := map[string]string{
		"ro.c": `__attribute__((section("set_vnet"))) const int fixed[3] = {1, 2, 3}; const int *const fixed_at[] = {fixed, fixed + 3};`,
		"rw.c": `__attribute__((section("set_vnet"))) int array[3] = {1, 2, 3}; int *at[] = {array, array + 3};`,
	}
	dir := t.TempDir()
	for _, row := range oddSet(t, set, dir, "", files).Rows {
		require.Equal(t, "constraint", row.Strategy, row.Linker)
		require.Equal(t, "vnet 0+4", row.padding(), row.Linker)
		require.Equal(t, elf.SHF_ALLOC|elf.SHF_WRITE, row.open(t, dir).Section("set_vnet").Flags, row.Linker)
	}
	// Further out at both ends, whichever input is where.
	files["ro.c"] += "const int *const fixed_out[] = {fixed - 4, fixed + 12};"
	files["rw.c"] += "int *out[] = {array - 4, array + 12};"
	for _, row := range oddSet(t, set, t.TempDir(), "", files).Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "vnet 16+40", row.padding(), row.Linker)
	}
}

// More references than 16 bits can count, the ones that matter among the last.
func TestManyReferences(t *testing.T) {
	const many = 1<<16 + 100
	built := oddSet(t, i386(t), t.TempDir(), "", map[string]string{"many.c": fmt.Sprintf(`
__attribute__((section("set_vnet"))) int array[4];
int *at[] = {[0 ... %d] = array + 1, array + 9, array - 1};
`, many)})
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "vnet 4+24", row.padding(), row.Linker)
	}
}

// An empty set gets the sentinel, which is what the kernel takes for no set.
func TestEmptySet(t *testing.T) {
	built := oddSet(t, i386(t), t.TempDir(), "", map[string]string{"empty.c": `
__asm__(".section set_vnet,\"aw\",@progbits\n.text");
int data = 1, *at = &data;
`})
	for _, row := range built.Rows {
		require.Equal(t, "constraint", row.Strategy, row.Linker)
		require.Equal(t, "vnet 0+4", row.padding(), row.Linker)
		require.Len(t, row.Report.Findings, 1, row.Linker)
		require.Equal(t, padcheck.RuleEmptySetSection, row.Report.Findings[0].Rule)
	}
}

// overshooting is a module whose set is left at both ends, as its neighbours
// are.
const overshooting = `
__attribute__((section("set_vnet"))) int array[4] = {1};
static int limit[3] = {1, 2, 3}, used[3];
int get(int i) { return array[i + 6]; }
int low(int i) { return array[i - 2]; }
int *limit_at(int i) { return &limit[i - 1]; }
int *used_at(int i) { return &used[i - 1]; }
int *used_end(void) { return used + 3; }
`

// A section for each function and each variable: every one of them may become
// the neighbour of a set.
func TestManySections(t *testing.T) {
	built := oddSet(t, i386(t), t.TempDir(), "cflags: [-O1, -ffunction-sections, -fdata-sections]", map[string]string{"m.c": overshooting})
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "vnet 8+12", row.padding(), row.Linker)
	}
}

// gcc is a set of tools with the cross compiler in place of clang.
func gcc(t *testing.T) Toolset {
	t.Helper()
	set, a := i386(t), architecture(t, "i386")
	set.Compilers = []Compiler{{
		Tool:  Tool{Name: "gcc", Path: need(t, "i686-linux-gnu-gcc-12", "i686-linux-gnu-gcc")},
		Flags: append(a.CFlags[:len(a.CFlags):len(a.CFlags)], a.GCCCFlags...),
	}}
	return set
}

// Objects that hold intermediate code beside the machine's are linked for the
// latter; those that hold nothing else are refused, since linkers leave it out
// without a word.
func TestGCCIntermediateCode(t *testing.T) {
	set, dir := gcc(t), t.TempDir()
	built := oddSet(t, set, dir, "cflags: [-O1, -flto, -ffat-lto-objects]", map[string]string{"m.c": overshooting})
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "vnet 8+12", row.padding(), row.Linker)
	}
	write(t, dir, map[string]string{"kmod.yaml": "cflags: [-O1, -flto]\nmodules: [{name: odd, sources: [m.c], exports: all}]\n"})
	for _, row := range build(t, dir, set, Options{Verify: verify}).Rows {
		require.EqualError(t, row.Err, filepath.Join(dir, ".kmod/i386/gcc/obj/odd/m.o")+": GCC's intermediate code without machine code: compile without -flto, or with -ffat-lto-objects", row.Linker)
	}
}

// LLVM's intermediate code is refused, whatever a linker would make of it.
func TestBitcode(t *testing.T) {
	set, dir := i386(t), t.TempDir()
	write(t, dir, map[string]string{
		"kmod.yaml": "modules: [{name: bc, sources: [m.c], exports: all, cflags: [-flto]}, {name: mistake, objects: [m.o], exports: all}]\n",
		"m.c":       sets + overshooting,
		"m.o":       "BC\xc0\xde and so on",
	})
	for _, row := range build(t, dir, set, Options{Verify: verify}).Rows {
		require.ErrorContains(t, row.Err, "m.o: LLVM bitcode, not machine code: compile without -flto", "%s with %s", row.Module, row.Linker)
	}
}

// What is no object at all is said to be none, by name.
func TestNoObject(t *testing.T) {
	set, dir := i386(t), t.TempDir()
	write(t, dir, map[string]string{
		"kmod.yaml": "modules: [{name: short, objects: [short.o], exports: all}, {name: text, objects: [text.o], exports: all}, {name: torn, objects: [torn.o], exports: all}]\n",
		"short.o":   "x", "text.o": "int main;\n", "torn.o": "\x7fELF\x01\x01\x01",
	})
	for _, row := range build(t, dir, set, Options{Verify: verify}).Rows {
		require.ErrorContains(t, row.Err, row.Module+".o", row.Linker)
	}
}
