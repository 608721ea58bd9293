package newmod_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/kmodmk/newmod"
	"github.com/kmodpad/kmodpad/kmodmk/plugin"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/toolchains"
)

// What the tests build with; those that ask for every linker use all of them.
const (
	compiler = "clang-19"
	linker   = "ld.lld-19"
)

var found = sync.OnceValues(func() (*toolchains.Toolchains, error) {
	return toolchains.Find(context.Background(), os.Getenv("PATH"))
})

// tools finds the installed tools, the compiler and the linker among them.
func tools(t *testing.T) kmodmk.Tools {
	t.Helper()
	need(t, compiler)
	need(t, linker)
	all, err := found()
	require.NoError(t, err)
	return magetarget.Tools(all)
}

// need skips a test that lacks a program, or fails it where all are required.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", program)
	}
	t.Skipf("%s is not installed", program)
}

// build builds a new module as its kmod.yaml says, but with fewer tools, and
// holds it to be without any finding.
func build(t *testing.T, dir string, change func(*kmodmk.Module)) []*kmodmk.Row {
	t.Helper()
	set := tools(t)
	config, err := kmodmk.Load(afero.NewOsFs(), filepath.Join(dir, kmodmk.ConfigName))
	require.NoError(t, err)
	require.Len(t, config.Modules, 1)
	m := config.Modules[0]
	require.Equal(t, []string{"aarch64", "amd64", "i386"}, m.Archs)
	m.Compilers, m.Linkers = []string{compiler}, []string{linker}
	m.CFlags = append(m.CFlags, "-Wall", "-Wextra", "-Wmissing-prototypes", "-Werror")
	if change != nil {
		change(m)
	}
	result, err := kmodmk.Build(t.Context(), config, set, kmodmk.Options{Verify: verify})
	require.NoError(t, err)
	for _, row := range result.Rows {
		require.True(t, row.Good(), "%s with %s: %q", row.Arch, row.Linker, row.Reasons())
		require.Empty(t, row.Report.Findings, "%s with %s", row.Arch, row.Linker)
	}
	return result.Rows
}

func verify(_ context.Context, ko, kld string) (*padcheck.Module, error) {
	var last *padcheck.Module
	for _, release := range profile.Names() {
		s, err := padcheck.NewSession(padcheck.Options{KLD: kld, Profile: release})
		if err != nil {
			return nil, err
		}
		if last, err = s.VerifyFile(ko); err != nil || len(last.Findings) > 0 {
			return last, err
		}
	}
	return last, nil
}

// create writes a new module.
func create(t *testing.T, opt newmod.Options) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "a folder's $HOME; größe")
	_, err := newmod.New(afero.NewOsFs(), dir, opt)
	require.NoError(t, err)
	return dir
}

// events reads the events of a module.
func events(t *testing.T, path string) *padcheck.Events {
	t.Helper()
	s, err := padcheck.NewSession(padcheck.Options{Profile: "14.0"})
	require.NoError(t, err)
	f, err := object.Open(path)
	require.NoError(t, err)
	defer f.Close()
	k, err := s.Boot(f)
	require.NoError(t, err)
	m, err := s.Load(k, f)
	require.NoError(t, err)
	e, err := padcheck.NewEvents(k, m)
	require.NoError(t, err)
	return e
}

func steps(p padcheck.Phase) []string {
	list := []string{}
	for _, s := range p.Steps {
		list = append(list, s.String())
	}
	return list
}

// Every kind of module builds and is verified without a finding on every
// architecture that its kmod.yaml names, for every release, and its events come
// in the order that its source says.
func TestModules(t *testing.T) {
	for _, opt := range combinations() {
		t.Run(title(opt), func(t *testing.T) {
			t.Parallel()
			dir := create(t, opt)
			rows := build(t, dir, nil)
			require.Len(t, rows, 3)
			for _, row := range rows {
				requireEvents(t, opt, events(t, filepath.Join(dir, row.Plan.KO)))
				var sets []string
				for _, s := range row.Report.Sets {
					sets = append(sets, s.Name)
				}
				slices.Sort(sets)
				want := []string{"set_vnet"}
				if opt.Pcpu {
					want = []string{"set_pcpu", "set_vnet"}
				}
				require.Equal(t, want, sets, row.Arch)
			}
		})
	}
}

// requireEvents holds a module's events to what its options make of them.
func requireEvents(t *testing.T, opt newmod.Options, e *padcheck.Events) {
	t.Helper()
	when := func(chosen bool, list ...string) []string {
		if chosen {
			return list
		}
		return nil
	}
	load := slices.Concat(
		when(opt.Pcpu, "vnet_firststat_init in every vnet", "(registers vnet_firststat_uninit)"),
		when(!opt.Minimal, "first_init"),
		[]string{"first_vnet_init in every vnet", "(registers first_vnet_uninit)"},
		when(opt.Domain, "domain_add"),
		[]string{"first_modevent(MOD_LOAD) of module first"})
	create := append(when(opt.Pcpu, "vnet_firststat_init"), "first_vnet_init")
	destroy := append([]string{"first_vnet_uninit"}, when(opt.Pcpu, "vnet_firststat_uninit")...)
	require.Equal(t, load, steps(e.Phase(padcheck.PhaseLoad)), e.Arch)
	require.Equal(t, create, steps(e.Phase(padcheck.PhaseVnetCreate)), e.Arch)
	require.Equal(t, destroy, steps(e.Phase(padcheck.PhaseVnetDestroy)), e.Arch)
	require.Equal(t, []string{"first_modevent(MOD_SHUTDOWN) of module first"}, steps(e.Phase(padcheck.PhaseShutdown)), e.Arch)

	// Those that are equal in subsystem and order come as the set has them.
	unload := slices.DeleteFunc(steps(e.Phase(padcheck.PhaseUnload)), func(s string) bool { return strings.HasPrefix(s, "(deregisters ") })
	require.Equal(t, slices.Concat(
		[]string{"first_modevent(MOD_QUIESCE) of module first", "first_modevent(MOD_UNLOAD) of module first"},
		when(opt.Domain, "domain_remove"),
		[]string{"first_vnet_uninit in every vnet"},
		when(!opt.Minimal, "first_uninit"),
		when(opt.Pcpu, "vnet_firststat_uninit in every vnet")), unload, e.Arch)

	// The handler is told to load last, so nothing is registered after it.
	require.Len(t, e.Notes, 2, "%q", e.Notes)
	require.Contains(t, e.Notes[0], "do not reverse")
	require.Contains(t, e.Notes[1], "at shutdown")
}

// The other architectures, and every linker.
func TestAllArchitectures(t *testing.T) {
	opt := newmod.Options{Name: "first", Domain: true, Pcpu: true, Depends: []string{"netgraph"}}
	dir := create(t, opt)
	rows := build(t, dir, func(m *kmodmk.Module) {
		m.Archs = []string{"armv7", "i386", "powerpc64", "powerpc64le", "riscv64"}
		m.Linkers = []string{"*"}
	})
	require.Greater(t, len(rows), len(rows[0].Arch))
	for _, row := range rows {
		requireEvents(t, opt, events(t, filepath.Join(dir, row.Plan.KO)))
	}
}

// The Makefile says the same as kmod.yaml, in make's words.
func TestMakefile(t *testing.T) {
	need(t, "bmake")
	dir := create(t, newmod.Options{Name: "first"})
	mk := filepath.Join(dir, "mk")
	require.NoError(t, os.Mkdir(mk, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(mk, "sys.mk"), nil, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "kmodpad"), 0o755))
	for _, name := range []string{filepath.Join(mk, "bsd.kmod.mk"), filepath.Join(dir, "kmodpad", "kmod.padding.mk")} {
		require.NoError(t, os.WriteFile(name, []byte("SEEN+=\t"+filepath.Base(name)+"\n"), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "bmake", "-m", "mk", "-V", "${KMOD}|${SRCS}|${EXPORT_SYMS}|${SEEN}")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "first|first.c|first_open first_close|bsd.kmod.mk kmod.padding.mk\n", string(out))
}

// make builds the module with the plugin, in trees of both forms, with the
// stand-ins for the tree's own makefiles that the plugins' tests have.
func TestMake(t *testing.T) {
	for _, program := range []string{"bmake", compiler, linker, "llvm-objcopy", "llvm-nm"} {
		need(t, program)
	}
	mk, err := filepath.Abs("../../testdata/plugins/mk")
	require.NoError(t, err)
	opt := newmod.Options{Name: "first", Domain: true, Pcpu: true}
	for _, release := range []string{"12", "13"} {
		for _, arch := range []string{"aarch64", "i386"} {
			dir := t.TempDir()
			_, err := newmod.New(afero.NewOsFs(), dir, opt)
			require.NoError(t, err)
			_, err = plugin.Generate(afero.NewOsFs(), filepath.Join(dir, plugin.DefaultFolder), plugin.Options{})
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), "bmake", "-m", mk, "TREE="+release, "MACHINE_ARCH="+arch,
				"CC="+compiler+" -Iinclude", "LD="+linker, "OBJCOPY=llvm-objcopy", "NM=llvm-nm", "PADCHECK=none-installed")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			m, err := verify(t.Context(), filepath.Join(dir, "first.ko"), filepath.Join(dir, "first.kld"))
			require.NoError(t, err)
			require.Equal(t, padcheck.OK, m.Verdict)
			require.Empty(t, m.Findings, "%s in the form of %s", arch, release)
			requireEvents(t, opt, events(t, filepath.Join(dir, "first.ko")))
		}
	}
}
