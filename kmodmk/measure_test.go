package kmodmk

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
)

// verify is the real verifier.
func verify(ctx context.Context, ko, kld string) (*padcheck.Module, error) {
	report, err := padcheck.Verify(ctx, []string{ko}, padcheck.Options{KLD: kld})
	if err != nil {
		return nil, err
	}
	return report.Modules[0], nil
}

// The default strategy pads every sample as far as padding can cure it, with
// every linker: by four bytes where they are enough, and by measurement where
// they are not.
func TestAuto(t *testing.T) {
	set := i386(t)
	config, err := Load(afero.NewOsFs(), "../kmod.yaml")
	require.NoError(t, err)
	built, err := Build(t.Context(), config, Tools{"i386": set}, Options{Out: t.TempDir(), Verify: verify})
	require.NoError(t, err)
	requireGood(t, built)

	for _, row := range built.Rows {
		what := row.Module + " with " + row.Linker
		require.Equal(t, "auto", row.Asked)
		strategy, padding, why := "constraint", "", "4 B are enough"
		switch row.Module {
		case "neither", "consumer":
			padding, why = "-", "no sets"
		case "beyond":
			strategy, padding, why = "measured", "vnet 0+32", "vnet_entry_table+0x11c lies past 4 B"
		case "below":
			strategy, padding, why = "measured", "vnet 32+4", "vnet_entry_table-0x20 lies below set_vnet"
		case "captured":
			strategy, padding, why = "measured", "vnet 0+4", "lands in set_vnet"
		case "captured_pcpu":
			strategy, padding, why = "measured", "pcpu 0+4", "lands in set_pcpu"
		case "far":
			padding, why = "vnet 0+4", "refused: set_vnet needs 1145307136+4 B, max is 4096"
			require.ErrorContains(t, row.Refused, "set_vnet needs 1145307136 bytes of padding before its variables in every instance, more than the 4096 that max allows: far_run+0x", what)
			require.ErrorContains(t, row.Refused, "refers to set_vnet-0x44440000\nmend: change the index expression", what)
		}
		require.Equal(t, strategy, row.Strategy, what)
		require.Contains(t, row.Why, why, what)
		if padding != "" {
			require.Equal(t, padding, row.padding(), what)
		}
	}
	var b bytes.Buffer
	require.NoError(t, built.Print(&b, false))
	require.Contains(t, b.String(), "auto: constraint (4 B are enough) ")
	require.Contains(t, b.String(), "auto: measured (vnet_entry_table+0x11c lies past 4 B) ")
	require.Contains(t, b.String(), "auto: refused: set_vnet needs 1145307136+4 B, max is 4096 ")
}

// sampleConfig is the configuration of one sample with a strategy.
func sampleConfig(t *testing.T, name, strategy string) *Config {
	t.Helper()
	config, err := Load(afero.NewOsFs(), "../kmod.yaml")
	require.NoError(t, err)
	config.Modules = slices.DeleteFunc(config.Modules, func(m *Module) bool { return m.Name != name })
	config.Modules[0].Strategy = strategy
	return config
}

// sample builds one sample by a strategy with every linker.
func sample(t *testing.T, dir, name, strategy string, set Toolset, opt Options) *Result {
	t.Helper()
	opt.Out, opt.Verify = dir, verify
	built, err := Build(t.Context(), sampleConfig(t, name, strategy), Tools{"i386": set}, opt)
	require.NoError(t, err)
	return built
}

// A second build makes nothing, and no more than needed is made in the first:
// two links where four bytes are enough, four where they are not.
func TestMeasuredAgain(t *testing.T) {
	set := i386(t)
	for name, commands := range map[string]int{"vnet_end": 3, "beyond": 6, "captured": 6, "far": 3} {
		dir := t.TempDir()
		require.Equal(t, 1+commands*len(set.Linkers), sample(t, dir, name, "auto", set, Options{}).Ran, name)
		before := contents(t, dir)
		built := sample(t, dir, name, "auto", set, Options{})
		require.Zero(t, built.Ran, name)
		require.Equal(t, before, contents(t, dir), name)
		requireGood(t, built)

		// Looking at it again finds the same, and the same reasons.
		config := sampleConfig(t, name, "auto")
		looked, err := Verify(t.Context(), config, Tools{"i386": set}, Options{Out: dir, Verify: verify})
		require.NoError(t, err)
		for i, row := range looked.Rows {
			require.Equal(t, built.Rows[i].how(), row.how(), name)
			require.Equal(t, built.Rows[i].Refused, row.Refused, name)
			require.True(t, row.Good(), name)
		}

		// The note of what was found is a help, and nothing depends on it.
		for file := range before {
			if strings.HasSuffix(file, ".padding") {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(`{"version": 1, "key": 5`), 0o666))
			}
		}
		requireGood(t, sample(t, dir, name, "auto", set, Options{}))
		require.Equal(t, modules(before), modules(contents(t, dir)), name)
	}
}

// A limit that is lowered refuses what was built before, and one that is raised
// builds what was refused.
func TestMax(t *testing.T) {
	set := i386(t)
	set.Linkers = set.Linkers[:1]
	dir := t.TempDir()
	row := func(limit uint64) *Row { return sample(t, dir, "beyond", "measured", set, Options{Max: limit}).Rows[0] }
	require.True(t, row(32).Good())
	refused := row(28)
	require.False(t, refused.Good())
	require.ErrorContains(t, refused.Refused, "set_vnet needs 32 bytes of padding after its variables in every instance, more than the 28 that max allows: beyond_run")
	require.Equal(t, refused.Refused.Error(), refused.Reasons()[0])
	require.Equal(t, "measured: refused: set_vnet needs 0+32 B, max is 28", refused.how())
	again := row(32)
	require.True(t, again.Good())
	require.Equal(t, "measured: measured (vnet_entry_table+0x11c lies past 4 B)", again.how())
}

// A refusal names the line that asks for the padding.
func TestRefusedLine(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"kmod.yaml": "max: 64\ncflags: [-O1, -g]\nmodules: [{name: low, sources: [low.c], exports: all}]",
		"low.c": sets + `static __attribute__((section("set_vnet"))) char array[8];
char *get(int i) {
	return &array[i - 100];
}
`,
	})
	for _, row := range build(t, dir, set, Options{Verify: verify}).Rows {
		require.ErrorContains(t, row.Refused, "more than the 64 that max allows: get+0x", row.Linker)
		require.ErrorContains(t, row.Refused, " at low.c:4 refers to ", row.Linker)
		require.Contains(t, row.Reasons()[1], "reference-below-set", row.Linker)
	}
}

// sets names the bounds of both sets as the kernel's headers do.
const sets = `__asm__(".globl __start_set_vnet\n.globl __stop_set_vnet\n.globl __start_set_pcpu\n.globl __stop_set_pcpu");` + "\n"

// References past the end of each set and below its start, where the two lie
// next to one another and between neighbours that overshoot as well.
func TestBothEndsOfBothSets(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	text := sets
	for _, name := range ldscripts.Sets {
		text += fmt.Sprintf(`__attribute__((section("%[1]s"))) int %[1]s_array[4];
int *%[1]s_at[] = {&%[1]s_array[-3], %[1]s_array, &%[1]s_array[4], &%[1]s_array[9]};
`, name)
	}
	text += `int data[4] = {1}, bss[4];
__attribute__((section("set_methods"))) int method = 1;
extern int __start_set_methods[], __stop_set_methods[];
int *neighbours[] = {&data[-5], &data[4], &data[30], &bss[-2], &bss[4], &bss[20], __start_set_methods, __stop_set_methods};
`
	write(t, dir, map[string]string{
		"kmod.yaml": "modules: [{name: ends, sources: [ends.c], exports: all}]",
		"ends.c":    text,
	})
	built := build(t, dir, set, Options{Verify: verify})
	requireGood(t, built)
	for _, row := range built.Rows {
		require.Equal(t, "measured", row.Strategy, row.Linker)
		require.Equal(t, "pcpu 12+24, vnet 12+24", row.padding(), row.Linker)
	}
}

// Once a module was measured, the plan that is printed makes it again, guards
// and all.
func TestShellMeasured(t *testing.T) {
	set := i386(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "m")
	write(t, dir, map[string]string{
		"kmod.yaml": "modules: [{name: m, sources: [m.c], exports: [at]}]",
		"m.c":       sets + "__attribute__((section(\"set_vnet\"))) int v[4]; int *at[] = {&v[-2], &v[6]}; int d[3] = {1}; int *d_at = &d[9];\n",
	})
	text, err := Shell(load(t, dir), Tools{"i386": set}, "out")
	require.NoError(t, err)
	require.Contains(t, text, "\n# The first link; kmod:build measures, and repeats it where it is not enough.\n")
	requireGood(t, build(t, dir, set, Options{Out: "out", Verify: verify}))
	before := modules(contents(t, filepath.Join(dir, "out")))

	text, err = Shell(load(t, dir), Tools{"i386": set}, "out")
	require.NoError(t, err)
	require.Contains(t, text, "\n# measured: ")
	for name := range before {
		require.NoError(t, os.Remove(filepath.Join(dir, "out", name)))
		guards := strings.TrimSuffix(name, ".ko") + ".guards.o"
		require.NoError(t, os.Remove(filepath.Join(dir, "out", guards)))
	}
	sh := exec.Command("sh")
	sh.Stdin, sh.Dir = strings.NewReader(text), parent
	said, err := sh.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, said)
	require.Equal(t, before, modules(contents(t, filepath.Join(dir, "out"))))
}

// Modules without sets are not padded by any strategy that measures, whatever
// their references do.
func TestNoSets(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"kmod.yaml": "modules: [{name: a, sources: [a.c], exports: all}, {name: m, sources: [a.c], exports: all, strategy: measured}]",
		"a.c":       sets + "int d[3] = {1}; int *d_at[] = {&d[-9], &d[9]};\n",
	})
	built := build(t, dir, set, Options{Verify: verify})
	requireGood(t, built)
	for _, row := range built.Rows {
		require.Equal(t, "constraint", row.Strategy)
		require.Equal(t, "no sets", row.Why)
		file, err := elf.Open(filepath.Join(dir, row.Plan.KO))
		require.NoError(t, err)
		defer file.Close()
		require.Nil(t, file.Section("set_vnet"), row.Linker)
		require.Nil(t, file.Section("set_pcpu"), row.Linker)
	}
}

// sizedSymbol is what became of the form with two scripts when it was tried, by
// the kind of linker and the sets that a module has.
var sizedSymbol = map[string]map[string]string{
	"ld.lld": {
		"both":    "padded",
		"vnet":    "padded; empty set_pcpu",
		"neither": "not padded; empty set_pcpu; empty set_vnet",
	},
	"ld.bfd": {
		"both":    "padded",
		"vnet":    "undefined section `set_pcpu' referenced in expression",
		"neither": "undefined section `set_pcpu' referenced in expression",
	},
}

// TestSizedSymbol records what each linker makes of the two-script form.
func TestSizedSymbol(t *testing.T) {
	set := i386(t)
	dir := t.TempDir()
	variable := func(set string) string {
		return fmt.Sprintf("__attribute__((section(%q))) int %s_array[4]; int *%s_end = &%s_array[4];\n", set, set, set, set)
	}
	const code = "int data = 1; int get(void) { return data; }\n"
	write(t, dir, map[string]string{
		"kmod.yaml": `
strategy: sized-symbol
modules:
  - {name: both, sources: [both.c], exports: [get]}
  - {name: vnet, sources: [vnet.c], exports: all}
  - {name: neither, sources: [neither.c], exports: [get]}
`,
		"both.c":    sets + code + variable("set_vnet") + variable("set_pcpu"),
		"vnet.c":    sets + code + variable("set_vnet"),
		"neither.c": sets + code,
	})
	kinds := make(map[string]string)
	for _, l := range set.Linkers {
		kinds[l.Name] = l.Kind
	}
	for _, row := range build(t, dir, set, Options{Verify: verify}).Rows {
		want := sizedSymbol[kinds[row.Linker]][row.Module]
		if row.Err != nil {
			require.ErrorContains(t, row.Err, want, "%s with %s", row.Module, row.Linker)
			continue
		}
		outcome := "not padded"
		for _, s := range row.Report.Sets {
			if s.PaddingAfter > 0 {
				outcome = "padded"
			}
		}
		for _, f := range row.Report.Findings {
			require.Equal(t, padcheck.RuleEmptySetSection, f.Rule, f.Message)
			outcome += "; empty " + f.Set
		}
		require.Equal(t, want, outcome, "%s with %s", row.Module, row.Linker)
		requireSharedPages(t, filepath.Join(dir, row.Plan.KO))
	}
}

// requireSharedPages holds that code and data lie in one page, which a script
// in stage 2 that names no more than the sets brings about: it takes the place
// of the linker's own, which keeps them apart. One page has one protection.
func requireSharedPages(t *testing.T, ko string) {
	t.Helper()
	file, err := elf.Open(ko)
	require.NoError(t, err)
	defer file.Close()
	var last *elf.Prog
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X ||
			last != nil && last.Flags != p.Flags && (last.Vaddr+last.Memsz-1)/4096 == p.Vaddr/4096 {
			return
		}
		last = p
	}
	require.Fail(t, "no page is shared: the form is better than it is said to be", ko)
}
