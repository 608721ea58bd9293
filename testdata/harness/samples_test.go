package harness_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/testdata/harness"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// pairs are the compilers and linkers of TestSamples.
var pairs = []struct{ compiler, linker string }{
	{"clang-19", "ld.lld-*"},
	{"clang-19", "*ld.bfd"},
	{"*-gcc-12", "*ld.bfd"},
}

// strategies are the ways to pad of TestSamples.
var strategies = []ldscripts.Strategy{ldscripts.None, ldscripts.Constraint, ldscripts.Measured}

// TestSamples runs every sample on every architecture, padded and not, and
// holds what it does to what the verifier says about it.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, a)
			for _, p := range pairs {
				for _, strategy := range strategies {
					if strategy.For(a) != strategy {
						continue
					}
					v := variant{compiler: p.compiler, linker: p.linker, strategy: strategy}
					for _, s := range b.samples.Modules {
						t.Run(plain(p.compiler)+"/"+plain(p.linker)+"/"+string(strategy)+"/"+s.Name, func(t *testing.T) {
							t.Parallel()
							b.runVariant(t, s.Name, v).checkShown(v)
						})
					}
				}
			}
			t.Run("relaxed", func(t *testing.T) {
				t.Parallel()
				b.runRelaxed(t)
			})
		})
	}
}

// plain is a pattern as part of a test's name.
func plain(pattern string) string { return strings.Trim(pattern, "*-") }

// runVariant makes a sample and runs it.
func (b *bench) runVariant(t *testing.T, sample string, v variant) *trial {
	t.Helper()
	profile := newest
	if v.strategy == ldscripts.None && b.arch.Sentinel {
		profile = oldest
	}
	var paths []string
	if sample == "consumer" {
		paths = append(paths, b.make(t, b.sample(t, "provider"), v))
	}
	s := b.sample(t, sample)
	return b.run(t, s, profile, append(paths, b.make(t, s, v))...)
}

// Samples that show one fault each wherever modules are shared objects, or on
// i386, where the compiler is clang. Padding cures the ones that refer to the
// end of a set.
var (
	wrongEverywhere = []string{"end_data"}
	wrongOnI386     = []string{"vnet_end", "pcpu_end", "both", "end_pointer", "beyond", "below", "far", "captured_set"}
	curedByPadding  = []string{"end_data", "vnet_end", "pcpu_end", "both", "end_pointer"}
	// Guards and padding at both ends, as wide as it takes.
	curedByMeasuring = []string{"beyond", "below", "captured", "captured_pcpu", "captured_set"}
	neverWrong       = []string{"neither", "scalars", "byte_last", "provider", "consumer"}
)

// checkShown holds a sample to be wrong where it is there to be wrong, and
// right where padding cures it. The rest is known to agree with the report.
func (r *trial) checkShown(v variant) {
	name, a := r.sample.Name, r.bench.arch
	unvirtualised := r.finding(padcheck.RuleUnvirtualisedReference) != nil
	switch {
	case a.Shape == arch.Relocatable:
		assert.True(r, r.right(), "references go by symbol there")
	case slices.Contains(neverWrong, name) && !unvirtualised:
		assert.True(r, r.right())
	case v.strategy == ldscripts.None && slices.Contains(wrongEverywhere, name):
		assert.False(r, r.right())
	case v.strategy == ldscripts.None && a.Name == "i386" && v.compiler == "clang-19" && slices.Contains(wrongOnI386, name):
		assert.False(r, r.right())
	case v.strategy != ldscripts.None && slices.Contains(curedByPadding, name) && !unvirtualised:
		assert.True(r, r.right())
	case v.strategy == ldscripts.Measured && slices.Contains(curedByMeasuring, name) && !unvirtualised:
		assert.True(r, r.right())
	}
}

// TestPanicAddress spells the arithmetic of the bug out, for the address at
// which a real kernel would panic.
func TestPanicAddress(t *testing.T) {
	t.Parallel()
	a, err := arch.ByName("i386")
	require.NoError(t, err)
	b := newBench(t, a)
	r := b.runVariant(t, "vnet_end", variant{compiler: "clang-19", linker: "ld.lld-*", strategy: ldscripts.None})

	f := r.finding(padcheck.RuleBoundaryReference)
	require.NotNil(t, f)
	i := slices.IndexFunc(padcheck.Trace(r.kernel, r.module), func(l padcheck.TraceLine) bool {
		return uint64(l.Place) == r.module.Address+uint64(*f.Place)
	})
	require.GreaterOrEqual(t, i, 0)
	wrong := uint64(padcheck.Trace(r.kernel, r.module)[i].After)
	require.Equal(t, r.module.Set("set_vnet").Stop, wrong, "the kernel left the address as it was")

	// The loop counts from -16 to 0 and adds that to the end of the array.
	vnetDataBase := r.outcome.Area(harness.Vnet1).Base
	const array = 16 * 4
	require.NotNil(t, r.outcome.Fault())
	assert.Equal(t, (vnetDataBase+wrong-array)&0xffffffff, *r.outcome.Fault())
	wild := r.outcome.In(harness.Wild)
	require.Len(t, wild, 16)
	for i, w := range wild {
		assert.Equal(t, *r.outcome.Fault()+4*uint64(i), w.Address)
		assert.Equal(t, 0x11110000+uint64(i), w.Value)
	}
	assert.Empty(t, r.outcome.In(harness.Vnet1), "nothing reached the instance")
}

// relaxed are loads through the GOT or the TOC that a linker turns into
// addresses, unless it is kept from that.
var relaxed = []struct {
	arch, linker string
	wrong        variant
	right        variant
}{
	{"aarch64", "ld.lld-*", variant{relax: true}, variant{}},
	{"powerpc64", "ld.lld-*", variant{relax: true}, variant{}},
	{"powerpc64", "*ld.bfd", variant{relax: true}, variant{}},
	{"powerpc64le", "ld.lld-*", variant{relax: true}, variant{}},
	{"powerpc64le", "*ld.bfd", variant{relax: true}, variant{}},
	{"i386", "*ld.bfd", variant{}, variant{cflags: []string{"-Wa,-mrelax-relocations=no"}}},
}

func (b *bench) runRelaxed(t *testing.T) {
	for _, row := range relaxed {
		if row.arch != b.arch.Name {
			continue
		}
		t.Run(plain(row.linker), func(t *testing.T) {
			for _, v := range []*variant{&row.wrong, &row.right} {
				v.compiler, v.linker, v.strategy = "clang-19", row.linker, ldscripts.Constraint
			}
			wrong := b.runVariant(t, "got_load", row.wrong)
			assert.NotNil(t, wrong.finding(padcheck.RuleUnvirtualisedReference))
			assert.False(t, wrong.right(), "the load should be relaxed, and the write astray")
			assert.True(t, b.runVariant(t, "got_load", row.right).right())
		})
	}
}

// TestInstances calls a padded sample on one network stack and CPU and then on
// the others: each has its own.
func TestInstances(t *testing.T) {
	t.Parallel()
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, a)
			path := b.make(t, b.sample(t, "provider"), variant{compiler: "clang-19", linker: "ld.lld-*", strategy: ldscripts.Constraint})
			k, _ := b.load(t, newest, path)
			run, ok := k.Modules[0].Find("provider_run")
			require.True(t, ok)
			var before []harness.Write
			for _, calls := range [][]harness.Call{
				{{Address: run, Vnet: 0, CPU: 1}},
				{{Address: run, Vnet: 0, CPU: 1}, {Address: run, Vnet: 1, CPU: 0}},
			} {
				outcome, err := b.kernel.Run(t.Context(), k.Modules, calls)
				require.NoError(t, err)
				assert.Len(t, outcome.Writes, 2*len(calls))
				assert.Subset(t, outcome.Writes, before)
				for area, written := range map[string]bool{
					harness.Vnet0: true, harness.CPU1: true, harness.Vnet1: len(calls) > 1, harness.CPU0: len(calls) > 1,
				} {
					assert.Equal(t, written, len(outcome.In(area)) == 1, area)
				}
				before = outcome.Writes
			}
		})
	}
}

// TestLateCopy runs initialiser on the architecture whose kernel linker gives
// existing instances their copy before it relocates the set, up to FreeBSD 14,
// and after it from then on.
func TestLateCopy(t *testing.T) {
	t.Parallel()
	a, err := arch.ByName("amd64")
	require.NoError(t, err)
	b := newBench(t, a)
	s := b.sample(t, "initialiser")
	path := b.make(t, s, variant{compiler: "clang-19", linker: "ld.lld-*", strategy: ldscripts.None})
	assert.Equal(t, []int{0}, b.run(t, s, oldest, path).outcome.Returns)
	assert.Equal(t, []int{1}, b.run(t, s, newest, path).outcome.Returns)
}

// TestGNU builds the kernel with gcc and GNU ld, which it falls back to where
// there is no LLVM.
func TestGNU(t *testing.T) {
	t.Parallel()
	gnu := *tools(t)
	gnu.Compilers = slices.DeleteFunc(slices.Clone(gnu.Compilers), func(c toolchains.Compiler) bool { return c.Kind != toolchains.GCC })
	gnu.Linkers = slices.DeleteFunc(slices.Clone(gnu.Linkers), func(l toolchains.Linker) bool { return l.Kind != toolchains.BFD })
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			outcome, err := build(t, t.TempDir(), a, &gnu).Run(t.Context(), nil, nil)
			require.NoError(t, err)
			assert.Len(t, outcome.Areas, 6)
			assert.Empty(t, outcome.Writes)
		})
	}
}
