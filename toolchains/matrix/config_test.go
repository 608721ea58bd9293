package matrix

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"
)

func TestDefaultConfigIsSound(t *testing.T) {
	c, err := Load(afero.NewOsFs(), "../matrix.yaml")
	require.NoError(t, err)
	require.Contains(t, c.options("i386"), "-O2 -march=i486")
	require.Equal(t, c.Options, c.options("aarch64"))
	require.Contains(t, c.cases("armv7"), "end_pointer")
}

// Every error names the line, the value and what there is instead.
func TestBadConfig(t *testing.T) {
	good, err := os.ReadFile("../matrix.yaml")
	require.NoError(t, err)
	for _, c := range []struct{ name, old, new, line, says string }{
		{"unknown key", "linkers:", "linker:", "linker", "there are archs, compilers"},
		{"unknown architecture", "archs: [aarch64", "archs: [arch64", "arch64", `unknown architecture "arch64"`},
		{"unknown strategy", "strategies: [none", "strategies: [non", "[non,", "there are none, upstream"},
		{"unknown case", "cases: [end_data", "cases: [end_date", "end_date", "the samples are vnet_end"},
		{"a case of an unknown architecture", "  armv7: [end_pointer", "  armv8: [end_pointer", "armv8", `unknown architecture "armv8"`},
		{"options that name a file", `options: ["-O2"`, `options: ["-include x.h"`, "-include", "begin with -O, -f or -m"},
		{"options of two spaces", `"-O1 -march=i486"`, `"-O1  -march=i486"`, "-O1  -march", "one space between"},
		{"twice", "cases: [end_data, below", "cases: [below, below", "below, below", `"below" stands here twice`},
		{"no values", `compilers: ["clang-13", "clang-16", "clang-19", "clang-22", "gcc-*"]`, "compilers: []", "compilers: []", "compilers has no values"},
		{"no pattern", `"gcc-*"]`, `"gcc-["]`, `gcc-[`, "no pattern of names"},
		{"no list", "strategies: [none, upstream, constraint, sized-symbol, measured]", "strategies: none", "strategies: none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(good), c.old, c.new, 1)
			require.NotEqual(t, string(good), text)
			_, err := parse("m.yaml", []byte(text))
			require.Error(t, err)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			line := 0
			for i, l := range strings.Split(text, "\n") {
				if strings.Contains(l, c.line) && !strings.HasPrefix(l, "#") {
					line = i + 1
					break
				}
			}
			require.Contains(t, err.Error(), "m.yaml:"+itoa(line)+":")
		})
	}
	for _, odd := range []string{"", "{", "!x", "a: &b", "--- \n---\n", "[]"} {
		_, err := parse("m.yaml", []byte(odd))
		require.Error(t, err, "%q", odd)
	}
	_, err = Load(afero.NewMemMapFs(), "none.yaml")
	require.ErrorContains(t, err, "none.yaml")
}
