package newmod_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/newmod"
)

// tree makes a FreeBSD tree out of the stand-ins: each machine's <machine/...>
// is in a folder of its own, and the headers do not work without it.
func tree(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	fsys := afero.NewMemMapFs()
	_, err := newmod.New(fsys, "m", newmod.Options{Name: "first", Domain: true, Pcpu: true})
	require.NoError(t, err)
	all := files(t, fsys, "m/include")
	all["sys/param.h"] = "#include <machine/param.h>\n#if PAGE_SHIFT != 12\n#error\n#endif\n" + all["sys/param.h"]
	for _, machine := range []string{"amd64", "arm64"} {
		all[machine+"/include/param.h"] = "#define PAGE_SHIFT 12\n"
	}
	all["i386/include/param.h"] = "#include <x86/param.h>\n"
	all["x86/include/param.h"] = "#define PAGE_SHIFT 12\n"
	for name, text := range all {
		path := filepath.Join(root, "sys", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

// With -sysdir a module is built with a tree's headers and none of its own.
func TestSysdir(t *testing.T) {
	root := tree(t)
	for _, given := range []string{root, filepath.Join(root, "sys"), filepath.Join(root, "sys", "..", "sys") + "/"} {
		opt := newmod.Options{Name: "first", Domain: true, Pcpu: true, Sysdir: given}
		dir := create(t, opt)
		_, err := os.Stat(filepath.Join(dir, "include"))
		require.ErrorIs(t, err, os.ErrNotExist)
		text, err := os.ReadFile(filepath.Join(dir, "Makefile"))
		require.NoError(t, err)
		require.Contains(t, string(text), "\nSYSDIR?=\t"+root+"/sys\n")
		require.Len(t, build(t, dir, nil), 3)
	}
}

// The links are files like all others: left alone, or replaced by force.
func TestLinks(t *testing.T) {
	opt := newmod.Options{Name: "first", Sysdir: tree(t)}
	dir := create(t, opt)
	_, err := newmod.New(afero.NewOsFs(), dir, opt)
	require.NoError(t, err, "the same once more")

	link := filepath.Join(dir, "machine", "i386", "x86")
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink("elsewhere", link))
	_, err = newmod.New(afero.NewOsFs(), dir, opt)
	require.ErrorContains(t, err, link+": is there already")
	target, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "elsewhere", target)

	opt.Force = true
	_, err = newmod.New(afero.NewOsFs(), dir, opt)
	require.NoError(t, err)
	target, err = os.Readlink(link)
	require.NoError(t, err)
	require.NotEqual(t, "elsewhere", target)
}

func TestBadSysdir(t *testing.T) {
	root := tree(t)
	refused := func(sysdir, text string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "m")
		_, err := newmod.New(afero.NewOsFs(), dir, newmod.Options{Name: "first", Sysdir: sysdir})
		requireLine(t, err, text)
		_, err = os.Stat(dir)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	refused(t.TempDir(), "there is no net/vnet.h")
	refused(filepath.Join(root, "nowhere"), "there is no net/vnet.h")
	for _, odd := range []string{"a b", "a$b", "a'b", `a"b`, "a;b", "a#b", "a:b", "a,b", "größe", "a\nb", "a{b}", "a\\b"} {
		path := filepath.Join(root, odd)
		require.NoError(t, os.Symlink(filepath.Join(root, "sys"), path))
		refused(path, "make cannot be told of it")
	}
	require.NoError(t, os.RemoveAll(filepath.Join(root, "sys", "arm64")))
	refused(root, "no headers for aarch64")

	// A file system in memory has no links.
	_, err := newmod.New(afero.NewMemMapFs(), "m", newmod.Options{Name: "first", Sysdir: root})
	requireLine(t, err, "there is no net/vnet.h")
}
