//go:build unix

package run_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

func sh(script string) run.Command {
	return run.Command{Path: "sh", Args: []string{"-c", script}}
}

func TestRunCapturesBothStreams(t *testing.T) {
	c := sh("cat; echo $WHO; pwd; echo $LC_ALL >&2")
	c.Dir, c.Env, c.Stdin = "/", []string{"WHO=me"}, []byte("in\n")
	var echo bytes.Buffer
	c.Echo = &echo
	result, err := run.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "in\nme\n/\n", string(result.Stdout))
	require.Equal(t, "C\n", string(result.Stderr))
	require.False(t, result.Cut)
	require.Len(t, echo.String(), len("in\nme\n/\nC\n"))
}

func TestRunReadsNothingWithoutStdin(t *testing.T) {
	result, err := run.Run(t.Context(), run.Command{Path: "cat"})
	require.NoError(t, err)
	require.Empty(t, result.Stdout)
}

func TestRunLeavesWordsAlone(t *testing.T) {
	result, err := run.Run(t.Context(), run.Command{Path: "printf", Args: []string{"<%s>", "$HOME", "a b", "*", ""}})
	require.NoError(t, err)
	require.Equal(t, "<$HOME><a b><*><>", string(result.Stdout))
}

func TestRunBoundsOutput(t *testing.T) {
	result, err := run.Run(t.Context(), sh("head -c 3000000 /dev/zero; echo end >&2"))
	require.NoError(t, err)
	require.True(t, result.Cut)
	note := "\n[output cut after 1048576 bytes]\n"
	require.Equal(t, note, string(result.Stdout[run.MaxOutput:]))
	require.Equal(t, "end\n", string(result.Stderr))

	result, err = run.Run(t.Context(), sh("head -c 1048576 /dev/zero"))
	require.NoError(t, err)
	require.False(t, result.Cut)
	require.Len(t, result.Stdout, run.MaxOutput)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestRunOutlivesABrokenEcho(t *testing.T) {
	c := sh("echo one; echo two")
	c.Echo = brokenWriter{}
	result, err := run.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", string(result.Stdout))
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "fake-ld")
	require.NoError(t, os.WriteFile(script, []byte("not executable"), 0o644))
	garbage := filepath.Join(dir, "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("\x00\x01\x02"), 0o755))
	many := strings.Repeat("warning: w\n", 100)

	for _, test := range []struct {
		name    string
		command run.Command
		want    string
		is      error
	}{
		{"exit status", sh("echo 'ld: error: unknown emulation: foo' >&2; exit 3"),
			"sh: exit status 3: ld: error: unknown emulation: foo", nil},
		{"silent", sh("exit 1"), "sh: exit status 1", nil},
		{"complains on stdout", sh("echo sorry; exit 1"), "sh: exit status 1: sorry", nil},
		{"signal", sh("kill -SEGV $$"), "sh: signal: segmentation fault", nil},
		{"whole path in, base name out", run.Command{Path: "/bin/sh", Args: []string{"-c", "exit 1"}},
			"sh: exit status 1", nil},
		{"the error among warnings", sh("echo '" + many + "x.c: error: here\nmore' >&2; exit 1"),
			"sh: exit status 1: x.c: error: here\nmore", nil},
		{"only the first lines", sh("echo '" + many + "' >&2; exit 1"),
			"sh: exit status 1: " + strings.Repeat("warning: w\n", 8) + "(and 92 more lines)", nil},
		{"not on PATH", run.Command{Path: "kmodpad-no-such-ld"},
			"kmodpad-no-such-ld: not found on PATH", exec.ErrNotFound},
		{"no such file", run.Command{Path: dir + "/ld"}, dir + "/ld: no such program", os.ErrNotExist},
		{"no such folder", run.Command{Path: "/bin/sh", Dir: dir + "/sub"},
			"/bin/sh: cannot run in " + dir + "/sub: no such folder", os.ErrNotExist},
		{"not executable", run.Command{Path: script}, script + ": not executable: permission denied", os.ErrPermission},
		{"no program", run.Command{Path: garbage}, garbage + ": not a program this machine can run", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := run.Run(t.Context(), test.command)
			require.EqualError(t, err, test.want)
			var failure *run.Error
			require.ErrorAs(t, err, &failure)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
				require.Equal(t, -1, failure.ExitCode)
			}
		})
	}
}

func TestErrorHasExitCodeAndOutput(t *testing.T) {
	result, err := run.Run(t.Context(), sh("echo out; exit 42"))
	var failure *run.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 42, failure.ExitCode)
	require.Equal(t, "out\n", string(result.Stdout))
}

// lifeline is a pipe that a test's processes hold open: it ends when the last
// of them is dead. It works where a process number tells little, because a dead
// process may stay a zombie.
func lifeline(t *testing.T) (path string, dead <-chan struct{}) {
	path = filepath.Join(t.TempDir(), "lifeline")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	done := make(chan struct{})
	go func() {
		if pipe, err := os.Open(path); err == nil { // waits for the first writer
			_, _ = io.Copy(io.Discard, pipe)
			_ = pipe.Close()
		}
		close(done)
	}()
	return path, done
}

func waitFor(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		require.Fail(t, what)
	}
}

func TestRunKillsChildrenToo(t *testing.T) {
	path, dead := lifeline(t)
	// The child ignores what can be ignored, and so does its own child.
	script := "trap '' TERM INT HUP; exec 3>" + path + "; (sleep 1000 & wait) & echo started >&2; wait"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := run.Run(ctx, sh(script))
	require.EqualError(t, err, "sh: killed because it did not finish in time: started")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second)
	waitFor(t, "a child outlived its command", dead)
}

func TestRunKillsChildrenLeftBehind(t *testing.T) {
	path, dead := lifeline(t)
	_, err := run.Run(t.Context(), sh("exec 3>"+path+"; sleep 1000 & exit 0"))
	require.ErrorContains(t, err, "sh: ended, but a child it left behind still held its output 2s later and was killed")
	waitFor(t, "a child outlived its command", dead)
}

func TestRunStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := run.Run(ctx, sh("sleep 1000"))
	require.EqualError(t, err, "sh: stopped")
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = run.Run(ctx, run.Command{Path: "sleep", Args: []string{"1000"}})
	require.EqualError(t, err, "sleep: stopped")
	require.True(t, errors.Is(err, context.Canceled))
}
