package matrix

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fakeTools are a machine with two clangs, one gcc and two linkers, of which
// only one does all architectures.
func fakeTools() *Tools {
	program := func(name, version string) toolchains.Program {
		return toolchains.Program{Name: name, Path: "/bin/" + name, Version: version}
	}
	return NewTools(&toolchains.Toolchains{
		Compilers: []toolchains.Compiler{
			{Program: program("clang-9", "9.0.1"), Kind: toolchains.Clang, Targets: arch.Names()},
			{Program: program("clang-19", "19.1.7"), Kind: toolchains.Clang, Targets: arch.Names()},
			{Program: program("x86_64-linux-gnu-gcc-12", "12.2.0"), Kind: toolchains.GCC, Targets: []string{"i386", "amd64"}},
			{Program: program("i686-linux-gnu-gcc-12", "12.2.0"), Kind: toolchains.GCC, Targets: []string{"i386"}},
		},
		Linkers: []toolchains.Linker{
			{Program: program("ld.lld-19", "19.1.7"), Kind: toolchains.LLD, Emulations: []string{"elf_i386_fbsd", "aarch64elf"}},
			{Program: program("i686-linux-gnu-ld.bfd", "2.40"), Kind: toolchains.BFD, Emulations: []string{"elf_i386"}},
		},
		Objcopies: []toolchains.Objcopy{{Program: program("llvm-objcopy-19", "19.1.7"), Targets: arch.Names()}},
	})
}

var fakeConfig = Config{
	Archs: []string{"i386", "aarch64"}, Compilers: []string{"clang-*", "gcc-*", "icc"}, Linkers: []string{"ld.*"},
	Options: []string{"-O2", "-Os"}, ArchOptions: map[string][]string{"i386": {"-O2 -march=i486"}},
	Strategies: []string{"none", "measured"}, Cases: []string{"below", "neither"},
}

func TestPlan(t *testing.T) {
	p, absent, err := NewPlan(&fakeConfig, Filter{}, fakeTools())
	require.NoError(t, err)
	require.Equal(t, []string{"icc"}, absent)
	require.Equal(t, []string{"ld.lld-19", "ld.bfd-2.40"}, p.Linkers)
	require.Equal(t, Build{"i386", "clang-9", "-O2 -march=i486", "below"}, p.Builds[0], "9 before 19")
	require.Len(t, p.Builds, 3*1*2+3*2*2)
	require.Equal(t, len(p.Builds)*2*2, p.Cells())
	c, ok := fakeTools().compiler("i386", "gcc-12")
	require.True(t, ok)
	require.Equal(t, "/bin/i686-linux-gnu-gcc-12", c.path, "the one made for the architecture")

	var b bytes.Buffer
	require.NoError(t, p.WriteJSON(&b))
	again, err := ReadPlan(&b)
	require.NoError(t, err)
	require.Equal(t, p, again)
	for _, bad := range []string{``, `{}`, `{"schema":2}`, `{"schema":1,"x":1}`,
		`{"schema":1,"linkers":["l"],"strategies":["none"],"builds":[{"arch":"vax","compiler":"c","options":"-O2","case":"below"}]}`,
		`{"schema":1,"linkers":["l"],"strategies":["none"],"builds":[{"arch":"i386","compiler":"c","options":"-o /etc/passwd","case":"below"}]}`,
		`{"schema":1,"linkers":["l"],"strategies":["none"],"builds":[{"arch":"i386","compiler":"c","options":"-O2","case":"../x"}]}`} {
		_, err := ReadPlan(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func TestNarrowing(t *testing.T) {
	count := func(f Filter) int {
		p, _, err := NewPlan(&fakeConfig, f, fakeTools())
		require.NoError(t, err)
		return p.Cells()
	}
	require.Equal(t, 24, count(Filter{Arch: "i386"}))
	require.Equal(t, 12, count(Filter{Arch: "i386", Linker: "lld"}))
	require.Equal(t, 6, count(Filter{Arch: "i386", Linker: "lld", Case: "below"}))
	require.Equal(t, 3, count(Filter{Arch: "i386", Linker: "lld", Case: "below", Strategy: "measured"}))
	require.Equal(t, 1, count(Filter{Arch: "i386", Linker: "lld", Case: "below", Strategy: "measured", Compiler: "clang-1?"}))
	require.Equal(t, 24, count(Filter{Options: "-O2,i486"}))
	require.Equal(t, 24, count(Filter{Arch: "i386", Strategy: "upstream,constraint"}), "those that the file leaves out too")
	for f, says := range map[Filter]string{
		{Arch: "vax"}:                        `unknown architecture "vax"`,
		{Case: "belwo"}:                      `unknown case "belwo": the samples are`,
		{Strategy: "auto,most"}:              `unknown strategy "most"`,
		{Compiler: "icc"}:                    `no compiler is called "icc" here: there are clang-9, clang-19, gcc-12`,
		{Linker: "gold"}:                     `no linker is called "gold" here: there are ld.lld-19, ld.bfd-2.40`,
		{Options: "-O7"}:                     "no cell is left",
		{Arch: "i386", Options: "-O2,-fPIC"}: "no cell is left",
	} {
		_, _, err := NewPlan(&fakeConfig, f, fakeTools())
		require.ErrorContains(t, err, says)
	}
	_, _, err := NewPlan(&fakeConfig, Filter{}, NewTools(&toolchains.Toolchains{}))
	require.ErrorContains(t, err, "mage setup")
}

func TestShards(t *testing.T) {
	p := &Plan{Schema: Schema, Linkers: []string{"l"}, Strategies: []string{"none"}}
	for i := range 500 {
		p.Builds = append(p.Builds, Build{[]string{"i386", "armv7"}[i%2], "clang-" + itoa(i), "-O2", "below"})
	}
	for _, of := range []int{1, 3, 8, 499} {
		seen := make(map[Build]bool)
		least, most := len(p.Builds), 0
		for n := 1; n <= of; n++ {
			part := p.Cut(Shard{n, of})
			for _, b := range part.Builds {
				require.False(t, seen[b], "%v in two parts", b)
				seen[b] = true
			}
			least, most = min(least, len(part.Builds)), max(most, len(part.Builds))
			require.Equal(t, part, p.Cut(Shard{n, of}), "the same each time")
		}
		require.Len(t, seen, len(p.Builds))
		require.LessOrEqual(t, most-least, 1, "balanced")
	}
	// A part does not depend on the order in which the plan lists its builds,
	// and has its share of each architecture.
	backwards := *p
	backwards.Builds = nil
	for i := range p.Builds {
		backwards.Builds = append(backwards.Builds, p.Builds[len(p.Builds)-1-i])
	}
	require.ElementsMatch(t, p.Cut(Shard{3, 8}).Builds, backwards.Cut(Shard{3, 8}).Builds)
	arm := 0
	for _, b := range p.Cut(Shard{3, 8}).Builds {
		if b.Arch == "armv7" {
			arm++
		}
	}
	require.InDelta(t, 31, arm, 1)

	s, err := ParseShard("3/8")
	require.NoError(t, err)
	require.Equal(t, Shard{3, 8}, s)
	for _, bad := range []string{"3", "0/8", "9/8", "a/b", "3/", "-1/2", "3/8/2"} {
		_, err := ParseShard(bad)
		require.ErrorContains(t, err, fmt.Sprintf("%q is no shard", bad))
	}
	require.Equal(t, []string{"1/1"}, p.Shards(8))
	p.Linkers = make([]string, 10)
	require.Equal(t, []string{"1/4", "2/4", "3/4", "4/4"}, p.Shards(8))
	require.Equal(t, []string{"1/2", "2/2"}, p.Shards(2))
}
