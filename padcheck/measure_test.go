package padcheck_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// compile makes an object of a source text.
func compile(t *testing.T, archName, source string, cflags ...string) string {
	t.Helper()
	a, err := arch.ByName(archName)
	require.NoError(t, err)
	dir := t.TempDir()
	c, o := filepath.Join(dir, "m.c"), filepath.Join(dir, "m.o")
	require.NoError(t, os.WriteFile(c, []byte(source), 0o644))
	args := append([]string{"--target=" + a.Target, "-O1", "-ffreestanding", "-fno-common", "-w"}, a.CFlags...)
	args = append(append(args, a.ClangCFlags...), cflags...)
	tool(t, "clang-19", append(args, "-c", c, "-o", o)...)
	return o
}

// TestMeasure measures references of every form in which compilers make them.
// The offsets are those of the C source; the sizes follow from the ABIs.
func TestMeasure(t *testing.T) {
	const ends = sets + `
struct s { long a; int b; } __attribute__((aligned(8)));
VNET struct s v[4];
`
	for name, c := range map[string]struct {
		arch, source  string
		cflags        []string
		lowest        int64
		highest       int64
		references    int
		before, after uint64
		size          uint64
	}{
		// Words, with the addend in place (REL) and in the table (RELA).
		"i386 data":    {"i386", ends + "void *p[] = { &v[4], &v[-1], &v[1] };", nil, -8, 32, 3, 8, 4, 32},
		"aarch64 data": {"aarch64", ends + "void *p[] = { &v[4], &v[-2], &v[1] };", nil, -32, 64, 3, 32, 4, 64},
		"past the end": {"i386", ends + "void *p[] = { &v[4].b };", nil, 36, 36, 1, 0, 8, 32},
		// A reference to the last byte is inside.
		"last byte": {"i386", sets + "VNET char c[9]; void *p[] = { &c[8] };", nil, 8, 8, 1, 0, 0, 9},
		"its end":   {"i386", sets + "VNET char c[9]; void *p[] = { &c[9] };", nil, 9, 9, 1, 0, 4, 9},
		// Pairs of instructions, counted once, in text.
		"powerpc pair": {"powerpc", ends + "int f(void) { return v[4].b; }", []string{"-fno-pic"}, 0, 0, 1, 0, 0, 32}, // the 36 stands in the load
		"riscv64 pair": {"riscv64", ends + "int f(void) { return v[4].b; }", []string{"-fno-pic", "-mcmodel=medlow"}, 72, 72, 1, 0, 12, 64},
		"armv7 pair":   {"armv7", ends + "int f(void) { return v[4].b; }", []string{"-mno-movt", "-O0"}, 0, 0, 0, 0, 0, 32},
		// In sections of their own, which ld -r has not put together yet.
		"function sections": {"i386", ends + "void *f(void) { return &v[4]; } void *g(void) { return &v[-1]; }", []string{"-ffunction-sections", "-fdata-sections"}, -8, 32, 2, 8, 4, 32},
		// Before-padding keeps the alignment.
		"alignment": {"i386", sets + "VNET __attribute__((aligned(64))) int c[16]; void *p[] = { &c[-1] };", nil, -4, -4, 1, 64, 0, 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := padcheck.Measure([]string{compile(t, c.arch, c.source, c.cflags...)})
			require.NoError(t, err)
			require.Len(t, report.Files[0].Sets, 1)
			s := report.Files[0].Sets[0]
			require.Equal(t, c.size, s.Size)
			if c.references == 0 { // only that it can be read
				return
			}
			require.Equal(t, c.lowest, *s.Lowest)
			require.Equal(t, c.highest, *s.Highest)
			require.Equal(t, c.references, s.References)
			require.Equal(t, []uint64{c.before, c.after}, []uint64{s.Before, s.After})
			require.Equal(t, padcheck.SetNeed{Set: "set_vnet", Size: c.size, Before: c.before, After: c.after}, report.Needs[0])
		})
	}
}

// TestMeasureNeighbours measures how far references leave other sections, and
// so how wide a guard next to them must be.
func TestMeasureNeighbours(t *testing.T) {
	source := sets + `
VNET int v;
int first[8] = { 1 };
static const int *below = &first[-3], *end = &first[8];
extern int *__start_set_mine[], *__stop_set_mine[];
__attribute__((section("set_mine"), used)) static int *member = &first[0];
int n(void) { return __stop_set_mine - __start_set_mine + *below + *end; }
`
	report, err := padcheck.Measure([]string{compile(t, "i386", source, "-O0")})
	require.NoError(t, err)
	left := map[string][2]uint64{}
	for _, o := range report.Files[0].Other {
		left[o.Section] = [2]uint64{o.Below, o.Above}
	}
	require.Equal(t, uint64(12), left[".data"][0], "%v", left) // &first[-3]
	require.Equal(t, uint64(1), left["set_mine"][1], "%v", left)
	require.Equal(t, padcheck.Guard{Before: 4, After: 12}, report.Guard)
}

// TestMeasureReport says where a reference comes from: the function, the symbol
// and addend, and the line of source when there is debug information.
func TestMeasureReport(t *testing.T) {
	o := compile(t, "i386", sets+"VNET int a[4];\nint *f(void)\n{\n\treturn &a[4];\n}\n", "-g")
	report, err := padcheck.Measure([]string{o})
	require.NoError(t, err)
	var text, js strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), "f+0x")
	require.Contains(t, text.String(), "at m.c:")
	require.Contains(t, text.String(), "a+0x10, offset 0x10")
	require.Contains(t, text.String(), "needs 4 B of padding after")
	require.NoError(t, report.WriteJSON(&js))
	require.Contains(t, js.String(), `"after": 4`)
	require.NotContains(t, js.String(), "/m.c", "no absolute path of a source")

	_, err = padcheck.Measure([]string{"../testdata/witness/i386/mix.ko"})
	require.ErrorContains(t, err, "not a relocatable object")
}

// TestMeasurePastKernel counts what no padding helps apart.
func TestMeasurePastKernel(t *testing.T) {
	report, err := padcheck.Measure([]string{compile(t, "aarch64", sets+"VNET static int a[4]; int *f(void) { return &a[1]; }")})
	require.NoError(t, err)
	require.Equal(t, 1, report.Files[0].Sets[0].PastKernel)
	require.Zero(t, report.Files[0].Sets[0].References)
}
