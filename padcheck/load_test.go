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

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// buildSample makes one of the samples for an architecture, with nothing but a
// compiler and a linker, and every symbol exported.
func buildSample(t *testing.T, a *arch.Arch, dir, name string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("../testdata/samples", name+".c"))
	require.NoError(t, err)
	include, err := filepath.Abs("../testdata/include")
	require.NoError(t, err)
	sub := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(sub, 0o755))
	made := built{arch: a.Name, source: string(source), cflags: []string{"-I" + include},
		script: "SECTIONS { set_pcpu : ONLY_IF_RW { *(set_pcpu) LONG(0x90909090) } set_vnet : ONLY_IF_RW { *(set_vnet) LONG(0x90909090) } }"}.build(t, sub)
	ko := filepath.Join(dir, name+".ko")
	require.NoError(t, os.Rename(made, ko))
	return ko
}

// TestSeveralModules loads a module that uses another's virtualised variable,
// on every architecture and so with both loaders.
func TestSeveralModules(t *testing.T) {
	for _, a := range arch.All {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// In the alphabet the consumer comes before what it depends on.
			consumer, provider := buildSample(t, a, dir, "consumer"), buildSample(t, a, dir, "provider")
			files, err := padcheck.ModuleFiles(afero.NewOsFs(), dir)
			require.NoError(t, err)
			require.Equal(t, []string{consumer, provider}, files)
			report, err := padcheck.LoadAll(context.Background(), files, padcheck.Options{})
			require.NoError(t, err)
			require.Equal(t, provider, report.Modules[0].Path)
			require.Equal(t, consumer, report.Modules[1].Path)
			for _, m := range report.Modules {
				require.Equal(t, padcheck.OK, m.Verdict, "%v", m.Findings)
				require.False(t, slices.ContainsFunc(m.Notes, func(n string) bool { return strings.Contains(n, "taken to be in the kernel") }), "%v", m.Notes)
			}
			require.Len(t, report.Spaces, 2)
			for _, space := range report.Spaces {
				require.Len(t, space.Users, 1, space.Name)
				require.Equal(t, "provider", space.Users[0].Module)
			}

			s, err := padcheck.NewSession(padcheck.Options{})
			require.NoError(t, err)
			base, err := object.Open(provider)
			require.NoError(t, err)
			k, err := s.Boot(base)
			require.NoError(t, err)
			first, err := s.Load(k, base)
			require.NoError(t, err)
			user, err := object.Open(consumer)
			require.NoError(t, err)
			m, err := s.Load(k, user)
			require.NoError(t, err)

			// Every reference to the provider's variables is moved with the
			// provider's set: (x - start) + base.
			moved := map[string]bool{}
			for _, l := range padcheck.Trace(k, m) {
				if l.Owner == "" {
					continue
				}
				require.Equal(t, "provider", l.Owner)
				set := first.Set("set_" + l.Set)
				require.Equal(t, uint64(l.Loaded)-set.Start+set.Base, uint64(l.S))
				moved[l.Set] = true
			}
			require.Equal(t, map[string]bool{"vnet": true, "pcpu": true}, moved)

			// The provider stays while it is needed, and then its space is free.
			require.ErrorContains(t, k.Unload(first), "consumer depends on it")
			require.NoError(t, k.Unload(m))
			require.NoError(t, k.Unload(first))
			for _, name := range loader.SetNames {
				left, longest := k.Space(name).Left()
				require.Equal(t, k.Space(name).Size, left)
				require.Equal(t, left, longest)
			}
		})
	}
}

// metadata makes a module of a name and version that depends on others.
func metadata(name string, version int, depends ...string) string {
	text := "#include <kmodpad/module.h>\nstatic moduledata_t m = { \"" + name + "\", (void *)0, (void *)0 };\nDECLARE_MODULE(" + name + ", m);\n"
	text += "MODULE_VERSION(" + name + ", " + string(rune('0'+version)) + ");\n"
	for _, d := range depends {
		text += "MODULE_DEPEND(" + name + ", " + d + ", 1, 1, 2);\n"
	}
	return text
}

// TestDependencies checks what MODULE_DEPEND and MODULE_VERSION say.
func TestDependencies(t *testing.T) {
	include, err := filepath.Abs("../testdata/include")
	require.NoError(t, err)
	dir := t.TempDir()
	module := func(name string, version int, depends ...string) string {
		sub := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(sub, 0o755))
		made := built{arch: "i386", source: metadata(name, version, depends...), cflags: []string{"-I" + include}}.build(t, sub)
		ko := filepath.Join(dir, name+".ko")
		require.NoError(t, os.Rename(made, ko))
		return ko
	}
	low, high, round, trip := module("low", 1), module("high", 3), module("round", 1, "trip"), module("trip", 1, "round")
	user, tooNew, missing := module("user", 1, "low"), module("toonew", 1, "high"), module("missing", 1, "nobody")
	verify := func(opt padcheck.Options, file string) *padcheck.Module {
		s, err := padcheck.NewSession(opt)
		require.NoError(t, err)
		m, err := s.VerifyFile(file)
		require.NoError(t, err)
		return m
	}
	require.Empty(t, verify(padcheck.Options{With: []string{low}}, user).Findings)

	m := verify(padcheck.Options{With: []string{high}}, tooNew)
	require.Equal(t, padcheck.Refused, m.Verdict)
	require.Equal(t, loader.RuleDependencyVersion, m.Findings[0].Rule)
	require.Contains(t, m.Findings[0].Message, "version 1 to 2, and version 3 is loaded")

	require.Contains(t, strings.Join(verify(padcheck.Options{}, missing).Notes, "\n"), "depends on nobody")
	kernel := filepath.Join(dir, "symbols")
	require.NoError(t, os.WriteFile(kernel, []byte("anything 0xc0000000\n"), 0o644))
	require.Equal(t, loader.RuleMissingDependency, verify(padcheck.Options{Kernel: kernel}, missing).Findings[0].Rule)

	_, err = padcheck.LoadAll(context.Background(), []string{round, trip}, padcheck.Options{})
	require.ErrorContains(t, err, "round.ko -> trip.ko -> round.ko")
	_, err = padcheck.LoadAll(context.Background(), []string{low, low}, padcheck.Options{})
	require.ErrorContains(t, err, "given twice")
	_, err = padcheck.LoadAll(context.Background(), []string{low, "../testdata/witness/armv7/mix.ko"}, padcheck.Options{})
	require.ErrorContains(t, err, "modules of one architecture only")
}

// TestSharedVariable refuses two modules that define one virtualised variable.
func TestSharedVariable(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"one", "two"} {
		sub := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(sub, 0o755))
		files = append(files, built{arch: "i386", source: sets + "VNET int vnet_entry_x = 1;", script: padded}.build(t, sub))
	}
	s, err := padcheck.NewSession(padcheck.Options{With: files[:1]})
	require.NoError(t, err)
	_, err = s.VerifyFile(files[1])
	require.ErrorContains(t, err, "it defines vnet_entry_x, and so does "+files[0])
}

// TestAccessor follows a variable into an instance, and what happens to a
// reference that was not rewritten.
func TestAccessor(t *testing.T) {
	f, err := object.Open("../testdata/witness/i386/mix.ko")
	require.NoError(t, err)
	s, err := padcheck.NewSession(padcheck.Options{Profile: "12.1", At: loader.Addresses{Module: 0x20000000, Vnet: 0x30000000, Pcpu: 0x31000000}})
	require.NoError(t, err)
	k, err := s.Boot(f)
	require.NoError(t, err)
	m, err := s.Load(k, f)
	require.NoError(t, err)
	a, err := padcheck.NewAccessor(k, m, "arr", 0x50000000)
	require.NoError(t, err)
	require.Equal(t, "vnet_entry_arr", a.Variable)
	require.Equal(t, padcheck.Addr(0x2648), a.LinkTime)
	require.Equal(t, padcheck.Addr(0x3000000c), a.Rewritten) // 0x2648 - 0x263c + 0x30000000
	require.Equal(t, padcheck.Addr(0x20000000), a.DataBase)  // 0x50000000 - 0x30000000
	require.Equal(t, padcheck.Addr(0x5000000c), a.Result)
	require.Equal(t, padcheck.Addr(0x40002648), a.Stray) // 0x20002648 + 0x20000000
	_, err = padcheck.NewAccessor(k, m, "nothing", 0)
	require.ErrorContains(t, err, "no variable nothing")
}
