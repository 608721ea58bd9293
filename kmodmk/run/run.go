// Package run is the one place that runs commands.
//
// No command goes through a shell: what a plan prints for people as a shell
// line is run as the list of words behind it. Every command gets a process
// group of its own, so that a compiler or linker that hangs is killed together
// with the children it started, and what it prints is captured up to a bound,
// so that one that never stops printing does not fill the memory.
package run

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// MaxOutput is how many bytes of each output stream are kept. What comes after
// them is read and thrown away.
const MaxOutput = 1 << 20

// grace is how long Run waits for the output of a command that has ended or
// was killed. Only a process that inherited the output and outlives the command
// makes it wait at all.
const grace = 2 * time.Second

// Command is one program and what it is given.
type Command struct {
	// Path is the program: a path, or a name to be found on PATH.
	Path string
	// Args are the arguments, without the program's name.
	Args []string
	// Dir is the folder it runs in; empty is the current one.
	Dir string
	// Env is added to the environment of this process, as NAME=value.
	Env []string
	// Stdin is what it reads from its standard input; nil is an empty input.
	Stdin []byte
	// Echo, when set, is given both output streams as they come, in full.
	Echo io.Writer
}

// Result is what a command printed.
type Result struct {
	Stdout, Stderr []byte
	// Cut says that a stream was longer than [MaxOutput]. The stream then ends
	// in a line that says so.
	Cut bool
}

// Run runs the command and waits for its end. When ctx ends first, the command
// and all children in its process group are killed. Messages come in English,
// because LC_ALL is C unless the command's Env says otherwise.
//
// A command that cannot be started, fails or is killed gives an [*Error]; the
// result then holds what it had printed until then.
func Run(ctx context.Context, c Command) (Result, error) {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), c.Env...)
	if c.Stdin != nil {
		cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	var stdout, stderr capture
	cmd.Stdout, cmd.Stderr = io.Writer(&stdout), io.Writer(&stderr)
	if c.Echo != nil {
		echo := &shared{w: c.Echo}
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, echo), io.MultiWriter(&stderr, echo)
	}
	ownGroup(cmd)
	killed := false
	cmd.Cancel = func() error {
		killed = true
		return killGroup(cmd.Process)
	}
	cmd.WaitDelay = grace

	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		// The command has ended and left a child behind that still holds the
		// output. Its group is not empty, so the number is still its own.
		_ = killGroup(cmd.Process)
	}
	result := Result{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Cut: stdout.cut || stderr.cut}
	if err != nil {
		if killed {
			err = ctx.Err() // whatever it seems to have died of, this is why
		}
		return result, newError(c, err, result)
	}
	return result, nil
}
