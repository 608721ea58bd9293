package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// excerptLines is how many lines of a failed command's output go into its error.
const excerptLines = 8

// Error says how a command failed, for people: the program, what became of it,
// and the first lines it complained in. [errors.Is] finds [exec.ErrNotFound],
// [context.Canceled] and [context.DeadlineExceeded] in it.
type Error struct {
	Command Command
	// Status is what became of the command: "exit status 1", "signal: killed",
	// "not found on PATH", ...
	Status string
	// ExitCode is the exit status, and -1 when there was none: the command
	// could not be started, or a signal ended it.
	ExitCode int
	// Excerpt holds the first lines of the standard error output, from the
	// first one that speaks of an error if there is one (compilers that warn a
	// lot say what is really wrong far down), or of the standard output when
	// that is all there is.
	Excerpt string
	// Err is the cause.
	Err error
}

func (e *Error) Error() string {
	message := e.name() + ": " + e.Status
	if e.Excerpt != "" {
		message += ": " + e.Excerpt
	}
	return message
}

func (e *Error) Unwrap() error { return e.Err }

// name is the program as people know it. Only a program that could not be
// started is named by its whole path, because that is what has to be corrected.
func (e *Error) name() string {
	if _, ran := errors.AsType[*exec.ExitError](e.Err); ran || e.stopped() {
		return filepath.Base(e.Command.Path)
	}
	return e.Command.Path
}

func (e *Error) stopped() bool {
	return errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded)
}

func newError(c Command, err error, result Result) *Error {
	e := &Error{Command: c, ExitCode: -1, Err: err, Excerpt: excerpt(result.Stderr)}
	if e.Excerpt == "" {
		e.Excerpt = excerpt(result.Stdout)
	}
	exit, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Status = "killed because it did not finish in time"
	case errors.Is(err, context.Canceled):
		e.Status = "stopped"
	case ran:
		e.ExitCode, e.Status = exit.ExitCode(), exit.Error()
	case errors.Is(err, exec.ErrWaitDelay):
		e.Status = fmt.Sprintf("ended, but a child it left behind still held its output %v later and was killed", grace.Round(time.Second))
	case errors.Is(err, exec.ErrNotFound):
		e.Status = "not found on PATH"
	case errors.Is(err, exec.ErrDot):
		e.Status = "found only in the current folder, which PATH must not name; give its whole path"
	case c.Dir != "" && errors.Is(err, fs.ErrNotExist) && !isDir(c.Dir):
		e.Status = fmt.Sprintf("cannot run in %s: no such folder", c.Dir)
	case errors.Is(err, fs.ErrNotExist):
		e.Status = "no such program"
	case errors.Is(err, fs.ErrPermission):
		e.Status = "not executable: permission denied"
	case errors.Is(err, syscall.ENOEXEC):
		e.Status = "not a program this machine can run"
	default:
		e.Status = err.Error()
	}
	return e
}

// excerpt takes the first lines of a message, from the first that speaks of an
// error if there is one.
func excerpt(output []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(output)), "\n")
	for i, line := range lines {
		if strings.Contains(strings.ToLower(line), "error") {
			lines = lines[i:]
			break
		}
	}
	if more := len(lines) - excerptLines; more > 0 {
		lines = append(lines[:excerptLines:excerptLines], fmt.Sprintf("(and %d more lines)", more))
	}
	return strings.Join(lines, "\n")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
