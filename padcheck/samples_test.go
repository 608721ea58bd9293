package padcheck_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains"
)

// The compiler and the linkers that the table below was measured with: old and
// new ones, and GNU's.
const sampleCompiler = "clang-19"

var sampleLinkers = []string{"ld.lld-13", "ld.lld-16", "ld.lld-22", "i686-kfreebsd-gnu-ld.bfd"}

// sampleFindings are the rules that each sample breaks on i386 with each
// strategy, as FreeBSD 12.1 loads it, which does not refuse it for its padding.
var sampleFindings = map[string]map[string][]string{
	"none": {
		"vnet_end":      {padcheck.RuleBoundaryReference},
		"pcpu_end":      {padcheck.RuleBoundaryReference},
		"both":          {padcheck.RuleBoundaryReference},
		"end_pointer":   {padcheck.RuleBoundaryReference},
		"end_data":      {padcheck.RuleBoundaryReference},
		"neither":       {},
		"scalars":       {},
		"byte_last":     {},
		"beyond":        {padcheck.RuleReferencePastPadding},
		"below":         {padcheck.RuleReferenceBelowSet},
		"far":           {padcheck.RuleReferenceBelowSet},
		"captured":      {padcheck.RuleCapturedReference},
		"captured_pcpu": {padcheck.RuleCapturedReference},
		"captured_set":  {padcheck.RuleCapturedReference},
		"provider":      {},
		"consumer":      {},
		"initialiser":   {padcheck.RuleUnrelocatedInitialiser},
		"static_pcrel":  {padcheck.RuleUnvirtualisedReference},
	},
	"constraint": {
		"vnet_end": {}, "pcpu_end": {}, "both": {}, "end_pointer": {}, "end_data": {},
		"neither": {}, "scalars": {}, "byte_last": {},
		"beyond":        {padcheck.RuleReferencePastPadding},
		"below":         {padcheck.RuleReferenceBelowSet},
		"far":           {padcheck.RuleReferenceBelowSet},
		"captured":      {padcheck.RuleCapturedReference},
		"captured_pcpu": {padcheck.RuleCapturedReference},
		// The script puts the set first, so that another section is next to it.
		"captured_set": {},
		"provider":     {}, "consumer": {},
		"initialiser":  {padcheck.RuleUnrelocatedInitialiser},
		"static_pcrel": {padcheck.RuleUnvirtualisedReference},
	},
}

// TestSampleFindings links every sample without padding, as FreeBSD ships it,
// and as kmodpad does by default, with several linkers, and holds what the
// verifier finds to the table.
func TestSampleFindings(t *testing.T) {
	tools := sampleTools(t)
	samples, err := testdata.LoadSamples()
	require.NoError(t, err)
	bothOwn := map[string]bool{} // samples with variables in both sets
	for _, s := range samples.Modules {
		bothOwn[s.Name] = len(s.Sets) == 2
	}
	for _, strategy := range []string{"none", "upstream", "constraint"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			for _, row := range buildSamples(t, tools, strategy) {
				want, known := sampleFindings[strategy][row.Module]
				if strategy == "upstream" {
					want, known = sampleFindings["constraint"][row.Module]
				}
				name := row.Module + " with " + row.Linker
				require.True(t, known, "no line for %s", name)

				m := verifySample(t, row, "12.1")
				// Both upstream sets side by side: what one captures changes.
				if strategy == "upstream" && row.Module == "captured_pcpu" {
					require.Equal(t, padcheck.Broken, m.Verdict, name)
					continue
				}
				require.Equal(t, want, errorRules(m), "%s: %v", name, m.Findings)

				// From FreeBSD 13 on a set without the sentinel is refused.
				m = verifySample(t, row, "14.0")
				refused := slices.Contains(errorRules(m), loader.RuleMissingSentinel)
				require.Equal(t, strategy == "none" && len(m.Sets) > 0, refused, name)
				require.Equal(t, refused, m.Verdict == padcheck.Refused, name)

				// Only the shipped script makes sets where there are none.
				empty := slices.ContainsFunc(m.Findings, func(f padcheck.Finding) bool { return f.Rule == padcheck.RuleEmptySetSection })
				require.Equal(t, strategy == "upstream" && !bothOwn[row.Module], empty, name)
			}
		})
	}
}

// TestSampleProvenance looks at what a finding says: the symbol and the addend
// that the linker forgot, with the stage 1 output, and without it what can be
// told all the same.
func TestSampleProvenance(t *testing.T) {
	for _, row := range buildSamples(t, sampleTools(t), "none") {
		if row.Module != "vnet_end" {
			continue
		}
		m := verifySample(t, row, "12.1")
		require.Equal(t, row.Plan.KLD, m.KLD)
		require.NotEmpty(t, m.Findings)
		for _, f := range m.Findings {
			require.Equal(t, "vnet_entry_stats", f.Symbol)
			require.Equal(t, int64(64), *f.Addend)
			require.Equal(t, loader.SetVnet, f.Set)
			require.Equal(t, m.Sets[0].Stop, *f.Target)
			require.True(t, strings.HasPrefix(f.Where, "vnet_end_"), f.Where)
		}

		s, err := padcheck.NewSession(padcheck.Options{Profile: "12.1", KLD: padcheck.NoKLD})
		require.NoError(t, err)
		m, err = s.VerifyFile(row.Plan.KO)
		require.NoError(t, err)
		require.Empty(t, m.KLD)
		require.Equal(t, []string{padcheck.RuleBoundaryReference}, rules(m, ""), row.Linker)
	}
}

// errorRules lists the rules of a module's errors, each once.
func errorRules(m *padcheck.Module) []string { return rules(m, padcheck.Error) }

func rules(m *padcheck.Module, severity padcheck.Severity) []string {
	list := []string{}
	for _, f := range m.Findings {
		if (severity == "" || f.Severity == severity) && !slices.Contains(list, f.Rule) {
			list = append(list, f.Rule)
		}
	}
	slices.Sort(list)
	return list
}

// sampleTools finds the compiler and the linkers of the table.
func sampleTools(t *testing.T) kmodmk.Tools {
	t.Helper()
	found, err := toolchains.Find(context.Background(), os.Getenv("PATH"))
	require.NoError(t, err)
	tools := magetarget.Tools(found)["i386"]
	has := func(name string) {
		for _, c := range tools.Compilers {
			if c.Name == name {
				return
			}
		}
		for _, l := range tools.Linkers {
			if l.Name == name {
				return
			}
		}
		if os.Getenv("KMODPAD_REQUIRE") == "all" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	has(sampleCompiler)
	for _, l := range sampleLinkers {
		has(l)
	}
	return kmodmk.Tools{"i386": tools}
}

// buildSamples builds every sample with one strategy.
func buildSamples(t *testing.T, tools kmodmk.Tools, strategy string) []*kmodmk.Row {
	t.Helper()
	config, err := kmodmk.Load(afero.NewOsFs(), filepath.Join("..", kmodmk.ConfigName))
	require.NoError(t, err)
	for _, m := range config.Modules {
		m.Archs, m.Strategy, m.Compilers, m.Linkers = []string{"i386"}, strategy, []string{sampleCompiler}, sampleLinkers
		m.Expect = nil
	}
	out, err := filepath.Abs(t.TempDir())
	require.NoError(t, err)
	result, err := kmodmk.Build(context.Background(), config, tools, kmodmk.Options{Out: out,
		Verify: func(context.Context, string, string) (*padcheck.Module, error) { return &padcheck.Module{}, nil }})
	require.NoError(t, err)
	require.Len(t, result.Rows, len(config.Modules)*len(sampleLinkers))
	for _, row := range result.Rows {
		require.NoError(t, row.Err, "%s with %s", row.Module, row.Linker)
	}
	return result.Rows
}

func verifySample(t *testing.T, row *kmodmk.Row, profile string) *padcheck.Module {
	t.Helper()
	s, err := padcheck.NewSession(padcheck.Options{Profile: profile, KLD: row.Plan.KLD})
	require.NoError(t, err)
	m, err := s.VerifyFile(row.Plan.KO)
	require.NoError(t, err)
	return m
}
