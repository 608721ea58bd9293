package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/testdata"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if verifier.dir != "" {
		_ = os.RemoveAll(verifier.dir)
	}
	os.Exit(status)
}

// need is the path of the first of some programs that is installed. If none
// is, the test is skipped, or fails where KMODPAD_REQUIRE=all requires it.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// versioned lists a tool's names, as Debian and LLVM's archive call them.
func versioned(name string) []string {
	names := []string{}
	for _, v := range []string{"19", "22", "16", "15", "14", "13"} {
		names = append(names, name+"-"+v)
	}
	return append(names, name)
}

// tools are settings of a make that choose tools for all architectures.
func tools(t *testing.T) []string {
	t.Helper()
	return []string{
		"CC=" + need(t, versioned("clang")...), "LD=" + need(t, versioned("ld.lld")...),
		"OBJCOPY=" + need(t, versioned("llvm-objcopy")...), "NM=" + need(t, versioned("llvm-nm")...),
	}
}

var verifier struct {
	once sync.Once
	dir  string
	err  error
}

// padcheck is the verifier as it is installed.
func padcheck(t *testing.T) string {
	t.Helper()
	goTool := need(t, "go")
	v := &verifier
	v.once.Do(func() {
		if v.dir, v.err = os.MkdirTemp("", "padcheck"); v.err != nil {
			return
		}
		out, err := exec.Command(goTool, "build", "-o", filepath.Join(v.dir, "padcheck"), "../../padcheck/cmd/padcheck").CombinedOutput()
		if err != nil {
			v.err = fmt.Errorf("%w\n%s", err, out)
			return
		}
		// One that knows no subcommand script, as older ones do not.
		text := "#!/bin/sh\ncase $1 in script) echo 'unknown command' >&2; exit 2;; esac\nexec '" + v.dir + "/padcheck' \"$@\"\n"
		v.err = os.WriteFile(filepath.Join(v.dir, "verify"), []byte(text), 0o700)
	})
	require.NoError(t, v.err)
	return filepath.Join(v.dir, "padcheck")
}

// noScript is a verifier without the subcommand script.
func noScript(t *testing.T) string {
	return filepath.Join(filepath.Dir(padcheck(t)), "verify")
}

// generated is a folder with the plugins in it.
func generated(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugins")
	_, err := Generate(afero.NewOsFs(), dir, Options{})
	require.NoError(t, err)
	return dir
}

// samples puts the headers and some of the sample modules into a folder.
func samples(t *testing.T, dir string, names ...string) {
	t.Helper()
	copyAll(t, testdata.Include, "include", dir)
	for _, name := range names {
		text, err := fs.ReadFile(testdata.Sources, "samples/"+name+".c")
		require.NoError(t, err)
		write(t, filepath.Join(dir, name+".c"), string(text))
	}
}

func copyAll(t *testing.T, from fs.FS, root, to string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(from, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, name)
		write(t, filepath.Join(to, name), string(text))
		return err
	}))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o666))
}

// do runs a program in a folder and says how it ended and what it printed. The
// environment has nothing of the tester's that makes read.
func do(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOBJDIR", "MAKEOBJDIRPREFIX", "CC", "CFLAGS", "LD", "LDFLAGS", "MACHINE", "MACHINE_ARCH", "PADCHECK":
		default:
			cmd.Env = append(cmd.Env, v)
		}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "%s hangs:\n%s", strings.Join(args, " "), out.String())
	return out.String(), err
}

// must runs a program that has to succeed.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := do(t, dir, args...)
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
	return out
}

// lines are those lines of a text that hold all of some words.
func lines(text string, words ...string) []string {
	var found []string
line:
	for _, l := range strings.Split(text, "\n") {
		for _, w := range words {
			if !strings.Contains(l, w) {
				continue line
			}
		}
		found = append(found, l)
	}
	return found
}

// list names all files below a folder.
func list(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err = filepath.Rel(dir, name)
			names = append(names, name)
		}
		return err
	}))
	return names
}
