// Package harness_test runs the samples and holds what they do to what the
// verifier says about them.
package harness_test

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/testdata/harness"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// work is the folder of everything that the tests make.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "kmodpad-harness-test-"); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(work)
	os.Exit(status)
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

// build builds a kernel, or skips the test.
func build(t *testing.T, dir string, a *arch.Arch, tools *toolchains.Toolchains) *harness.Kernel {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	k, err := harness.Build(t.Context(), dir, a, tools)
	if missing := new(harness.MissingError); errors.As(err, &missing) {
		absent(t, missing.Tool)
	}
	require.NoError(t, err)
	return k
}

var findTools = sync.OnceValues(func() (*toolchains.Toolchains, error) {
	return toolchains.Find(context.Background(), os.Getenv("PATH"))
})

func tools(t *testing.T) *toolchains.Toolchains {
	t.Helper()
	found, err := findTools()
	require.NoError(t, err)
	return found
}

// bench is one architecture's kernel, and what to make modules with.
type bench struct {
	arch     *arch.Arch
	kernel   *harness.Kernel
	tools    kmodmk.Toolset
	samples  *testdata.Samples
	runner   *kmodmk.Runner
	sessions map[string]*padcheck.Session // by profile
}

func newBench(t *testing.T, a *arch.Arch) *bench {
	t.Helper()
	dir := filepath.Join(work, t.Name())
	b := &bench{
		arch: a, kernel: build(t, dir, a, tools(t)), tools: magetarget.Tools(tools(t))[a.Name],
		runner: &kmodmk.Runner{Dir: dir}, sessions: map[string]*padcheck.Session{},
	}
	var err error
	b.samples, err = testdata.LoadSamples()
	require.NoError(t, err)
	for _, profile := range []string{oldest, newest} {
		opt := b.kernel.Options()
		opt.Profile = profile
		b.sessions[profile], err = padcheck.NewSession(opt)
		require.NoError(t, err)
	}
	return b
}

// Kernel profiles: the oldest loads sets that are not padded on i386, too.
const (
	oldest = "12.1"
	newest = "15.0"
)

// variant is one way to make a module.
type variant struct {
	compiler, linker string // patterns of names
	strategy         ldscripts.Strategy
	cflags           []string // added to the sample's
	relax            bool     // leave out the flags that keep linkers from relaxing
}

func (b *bench) compiler(t *testing.T, pattern string) *kmodmk.Compiler {
	t.Helper()
	for _, c := range b.tools.Compilers {
		if ok, _ := filepath.Match(pattern, c.Name); ok {
			return &c
		}
	}
	absent(t, pattern+" for "+b.arch.Name)
	return nil
}

func (b *bench) linker(t *testing.T, pattern string) kmodmk.Linker {
	t.Helper()
	for _, l := range slices.Backward(b.tools.Linkers) { // newest first
		if ok, _ := filepath.Match(pattern, l.Name); ok {
			return l
		}
	}
	absent(t, pattern+" for "+b.arch.Name)
	return kmodmk.Linker{}
}

func (b *bench) sample(t *testing.T, name string) *testdata.Sample {
	t.Helper()
	i := slices.IndexFunc(b.samples.Modules, func(s *testdata.Sample) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, "no sample %s", name)
	return b.samples.Modules[i]
}

// make makes a sample and returns the module's path.
func (b *bench) make(t *testing.T, s *testdata.Sample, v variant) string {
	t.Helper()
	folder, err := filepath.Abs("../samples")
	require.NoError(t, err)
	cc, ld := b.compiler(t, v.compiler), b.linker(t, v.linker)
	if b.tools.Objcopy == "" {
		absent(t, "objcopy for "+b.arch.Name)
	}
	a, out := *b.arch, "made"
	if v.relax {
		a.LDFlags, a.StageTwo, a.StageTwoLLD, a.StageTwoBFD, out = nil, nil, nil, nil, "relaxed"
	}
	if v.cflags != nil {
		out += "-" + filepath.Base(v.cflags[0])
	}
	module := &kmodmk.Module{Name: s.Name, Settings: kmodmk.Settings{Exports: &kmodmk.Exports{Names: s.Exports}}}
	for _, source := range s.Sources {
		module.Sources = append(module.Sources, filepath.Join(folder, source))
	}
	for _, include := range b.samples.Includes {
		module.Includes = append(module.Includes, filepath.Join(folder, include))
	}
	module.CFlags = append(b.samples.Flags(s, b.arch.Name, nil), v.cflags...)
	made, err := b.runner.Make(t.Context(), kmodmk.Target{
		Module: module, Arch: &a, Compiler: cc, Linker: ld, Objcopy: b.tools.Objcopy,
		Strategy: v.strategy.For(b.arch), Out: out,
	}, verify)
	require.NoError(t, err)
	return filepath.Join(b.runner.Dir, made.Plan.KO)
}

// verify is what measured strategies look at.
func verify(_ context.Context, ko, kld string) (*padcheck.Module, error) {
	s, err := padcheck.NewSession(padcheck.Options{KLD: kld})
	if err != nil {
		return nil, err
	}
	return s.VerifyFile(ko)
}

// load dry-runs the load of modules into one kernel, and verifies the last.
func (b *bench) load(t *testing.T, profile string, paths ...string) (*loader.Kernel, *padcheck.Module) {
	t.Helper()
	session := b.sessions[profile]
	var k *loader.Kernel
	for _, path := range paths {
		f, err := object.Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		if k == nil {
			k, err = session.Boot(f)
			require.NoError(t, err)
		}
		_, err = session.Load(k, f)
		require.NoError(t, err)
	}
	report, err := session.Check(k, k.Modules[len(k.Modules)-1])
	require.NoError(t, err)
	return k, report
}

// variable is where a loaded module, or one before it, has a variable.
func variable(t *testing.T, k *loader.Kernel, name string) (m *loader.Module, addr, size uint64) {
	t.Helper()
	for _, m := range slices.Backward(k.Modules) {
		f, err := elf.Open(m.File.Path)
		require.NoError(t, err)
		symbols, err := f.Symbols()
		f.Close()
		require.NoError(t, err)
		for _, s := range symbols {
			if s.Name != name || s.Section == elf.SHN_UNDEF {
				continue
			}
			base := m.Address
			if m.File.Type == elf.ET_REL {
				var ok bool
				base, ok = m.SectionAddr(uint32(s.Section))
				require.True(t, ok, "%s is not loaded", name)
			}
			return m, base + s.Value, s.Size
		}
	}
	t.Fatalf("no variable %s", name)
	return nil, 0, 0
}
