package develop

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// The smallest bench: the generated modules are good ones, for every
// architecture, and every figure is taken. What the figures are means nothing
// here.
func TestBench(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	figures, err := measureAll(t.Context(), &out, benchSizes{
		functions: []int{8}, large: 8, modules: len(arch.All),
		references: [4]int{50, 500, 2500, 5000},
		runs:       1, quickRuns: 1,
	})
	if missing := (benchMissing)(nil); errors.As(err, &missing) && os.Getenv("KMODPAD_REQUIRE") != "all" {
		t.Skip(err)
	}
	require.NoError(t, err)
	for _, f := range figures {
		require.GreaterOrEqual(t, f.value, 0.0, f.what)
	}
	require.Zero(t, figures[0].value, figures[0].what)

	require.NoError(t, printFigures(&out, figures))
	text := out.String()
	require.Contains(t, text, "8 modules of ")
	require.Contains(t, text, "padcheck verify: CPU time, of readelf -SsrW")
	require.Equal(t, len(figures)+2, strings.Count(text, "\n"), text)

	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "the folder is removed")
}

func TestFigures(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printFigures(&out, []figure{
		{"short", 0.5, 0.5}, {"a longer line", 0.51, 0.5}, {"only told", 12, noBudget}, {"none at all", 0, 0},
	}))
	require.Equal(t, `what           figure  budget  verdict
short          0.500   0.5     ok
a longer line  0.510   0.5     over
only told      12.000  -       -
none at all    0.000   0       ok
`, out.String())
}

// The modules are the same on every machine and on every run.
func TestModuleSource(t *testing.T) {
	require.Equal(t, moduleSource("net", 40), moduleSource("net", 40))
	require.Equal(t, 40, strings.Count(moduleSource("net", 40), "\nhandle_"))
}
