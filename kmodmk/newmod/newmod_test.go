package newmod_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/newmod"
)

// combinations are all choices of what a module has.
func combinations() []newmod.Options {
	var list []newmod.Options
	for bits := range 8 {
		list = append(list, newmod.Options{Name: "first", Domain: bits&1 != 0, Pcpu: bits&2 != 0, Minimal: bits&4 != 0})
	}
	return list
}

// title names a choice.
func title(opt newmod.Options) string {
	name := "plain"
	for _, choice := range []struct {
		chosen bool
		name   string
	}{{opt.Domain, "domain"}, {opt.Pcpu, "pcpu"}, {opt.Minimal, "minimal"}} {
		if choice.chosen {
			name += " " + choice.name
		}
	}
	return name
}

// files reads all files below a folder.
func files(t *testing.T, fsys afero.Fs, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, afero.Walk(fsys, dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := afero.ReadFile(fsys, path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(text)
		return err
	}))
	return all
}

// The same options give the same bytes, and New says what it wrote.
func TestRepeatable(t *testing.T) {
	for _, opt := range combinations() {
		one, two := afero.NewMemMapFs(), afero.NewMemMapFs()
		paths, err := newmod.New(one, "m", opt)
		require.NoError(t, err)
		_, err = newmod.New(two, "other place", opt)
		require.NoError(t, err)
		written := files(t, one, "m")
		require.Equal(t, written, files(t, two, "other place"), title(opt))
		require.Len(t, paths, len(written))
		for name, text := range written {
			require.Contains(t, paths, filepath.Join("m", name))
			require.NotContains(t, text, "<%", name)
			require.True(t, strings.HasSuffix(text, "\n") && !strings.HasSuffix(text, "\n\n"), name)
			require.NotContains(t, text, "\n\n\n", "%s of %s", name, title(opt))
			require.NotContains(t, text, " \n", "%s of %s", name, title(opt))
		}
	}
}

// A module has what it was asked to have, and no headers that nothing needs.
func TestLeavesOut(t *testing.T) {
	has := func(opt newmod.Options, text string, headers ...string) {
		t.Helper()
		fsys := afero.NewMemMapFs()
		_, err := newmod.New(fsys, "m", opt)
		require.NoError(t, err)
		all := files(t, fsys, "m")
		require.Contains(t, all["first.c"], text)
		for _, h := range headers {
			require.Contains(t, all, "include/sys/"+h)
		}
	}
	lacks := func(opt newmod.Options, text string, headers ...string) {
		t.Helper()
		fsys := afero.NewMemMapFs()
		_, err := newmod.New(fsys, "m", opt)
		require.NoError(t, err)
		all := files(t, fsys, "m")
		require.NotContains(t, all["first.c"], text)
		for _, h := range headers {
			require.NotContains(t, all, "include/sys/"+h)
		}
	}
	for _, opt := range combinations() {
		check := lacks
		if opt.Domain {
			check = has
		}
		check(opt, "DOMAIN_SET(first)", "domain.h", "protosw.h", "socketvar.h")
		if check = lacks; opt.Pcpu {
			check = has
		}
		check(opt, "VNET_PCPUSTAT_ADD(", "counter.h", "pcpu.h")
		if check = has; opt.Minimal {
			check = lacks
		}
		check(opt, "CTLFLAG_VNET", "sysctl.h", "mutex.h")
		for _, always := range []string{"CURVNET_SET(", "CURVNET_RESTORE()", "VNET_SYSINIT(", "VNET_SYSUNINIT(", "VNET_FOREACH(",
			"case MOD_LOAD:", "case MOD_QUIESCE:", "case MOD_UNLOAD:", "case MOD_SHUTDOWN:", "MODULE_VERSION(first, 1);", "MODULE_DEPEND("} {
			has(opt, always, "module.h")
		}
	}
	opt := newmod.Options{Name: "first", Depends: []string{"netgraph", "if_bridge"}}
	has(opt, "\nMODULE_DEPEND(first, netgraph, 1, 1, 1);\nMODULE_DEPEND(first, if_bridge, 1, 1, 1);\n")
}

// Names come from outside. A refusal is one clear line, and leaves nothing.
func TestNames(t *testing.T) {
	for _, good := range []string{"a", "carp", "if_foo", "_x", "X9", "true_", strings.Repeat("n", 31)} {
		_, err := newmod.New(afero.NewMemMapFs(), "m", newmod.Options{Name: good})
		require.NoError(t, err)
	}
	for _, bad := range []string{
		"", " ", "a b", "a'b", `a"b`, "$HOME", "a;b", "a\nb", "..", "../x", "a/b", "/tmp/x", "-rf", "--", "9p", "a.b", "a-b",
		"größe", "ａ", "a\x00", "a\u202e", "\xff", "#", "a*", "`id`", "%s", "<% .Name %>", strings.Repeat("n", 32),
		"int", "static", "true", "unix", "i386", "kernel", "mtx", "vnet", "sysctl",
	} {
		fsys := afero.NewMemMapFs()
		_, err := newmod.New(fsys, "m", newmod.Options{Name: bad})
		require.ErrorContains(t, err, "module", bad)
		requireLine(t, err, "name")
		require.Empty(t, files(t, fsys, "."), "%q leaves files", bad)
	}
	for _, bad := range []string{"", "a b", "x;y", "../x", "first", "a\nb", "-f"} {
		_, err := newmod.New(afero.NewMemMapFs(), "m", newmod.Options{Name: "first", Depends: []string{bad}})
		requireLine(t, err, "is no module that first can depend on")
	}
	err := newmod.Target(context.Background(), "a b", nil, nil, nil, nil, nil, nil)
	requireLine(t, err, `module name "a b"`)
}

// requireLine says that an error is one printable line.
func requireLine(t *testing.T, err error, text string) {
	t.Helper()
	require.ErrorContains(t, err, text)
	for _, r := range err.Error() {
		require.True(t, unicode.IsPrint(r), "%q", err)
	}
}

// Files that are there are left alone, all of them, unless -force says else.
func TestOverwrite(t *testing.T) {
	opt := newmod.Options{Name: "first"}
	fsys := afero.NewMemMapFs()
	paths, err := newmod.New(fsys, "m", opt)
	require.NoError(t, err)
	_, err = newmod.New(fsys, "m", opt)
	require.NoError(t, err, "the same once more")

	for _, path := range paths {
		require.NoError(t, afero.WriteFile(fsys, path, []byte("mine"), 0o644))
		require.NoError(t, fsys.Remove(paths[0]))
		_, err = newmod.New(fsys, "m", opt)
		if path == paths[0] { // it is gone
			require.NoError(t, err)
			continue
		}
		requireLine(t, err, path+": is there already")
		require.ErrorContains(t, err, "-force")
		text, err := afero.ReadFile(fsys, path)
		require.NoError(t, err)
		require.Equal(t, "mine", string(text))
		_, err = fsys.Stat(paths[0])
		require.ErrorIs(t, err, os.ErrNotExist, "nothing else is written")

		force := opt
		force.Force = true
		_, err = newmod.New(fsys, "m", force)
		require.NoError(t, err)
	}
	fresh := afero.NewMemMapFs()
	_, err = newmod.New(fresh, "m", opt)
	require.NoError(t, err)
	require.Equal(t, files(t, fresh, "m"), files(t, fsys, "m"))

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "first.c"), 0o755))
	_, err = newmod.New(afero.NewOsFs(), dir, opt)
	requireLine(t, err, "first.c: is there already")

	dir = t.TempDir()
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "Makefile")))
	_, err = newmod.New(afero.NewOsFs(), dir, opt)
	requireLine(t, err, "Makefile: is there already")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else is written")
}

// noRename fails where a full disk would.
type noRename struct{ afero.Fs }

func (noRename) Rename(string, string) error { return errors.New("no rename today") }

// A file is there whole or not at all.
func TestAtomic(t *testing.T) {
	fsys := afero.NewMemMapFs()
	_, err := newmod.New(noRename{fsys}, "m", newmod.Options{Name: "first"})
	require.ErrorContains(t, err, "no rename today")
	require.Empty(t, files(t, fsys, "m"))
}

// The target writes to a folder of the module's name.
func TestTarget(t *testing.T) {
	t.Chdir(t.TempDir())
	yes, depends := true, "netgraph"
	for range 2 {
		require.NoError(t, newmod.Target(context.Background(), "first", &yes, &yes, nil, nil, &depends, nil))
	}
	_, err := os.Stat(filepath.Join("first", "kmodpad", "kmod.padding.mk"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join("first", "first.c"))
	require.NoError(t, err)
	for _, part := range []string{"DOMAIN_SET(first)", "VNET_PCPUSTAT_ADD(", "MODULE_DEPEND(first, netgraph,", "CTLFLAG_VNET"} {
		require.Contains(t, string(text), part)
	}
	err = newmod.Target(context.Background(), "first", nil, nil, &yes, nil, nil, nil)
	requireLine(t, err, filepath.Join("first", "first.c")+": is there already")
	require.NoError(t, newmod.Target(context.Background(), "first", nil, nil, &yes, nil, nil, &yes))
}
