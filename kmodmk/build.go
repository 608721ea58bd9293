package kmodmk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// DefaultOut is the output folder, beside kmod.yaml.
const DefaultOut = ".kmod"

// Options say how to build.
type Options struct {
	// Out is the output folder, relative to the folder of kmod.yaml;
	// DefaultOut when empty.
	Out string
	// Timeout ends a command that hangs; zero is ten minutes.
	Timeout time.Duration
	// Max, if not zero, takes the place of what kmod.yaml says of it.
	Max uint64
	// Verify judges a module.
	Verify Verifier
}

// Result is what became of every module.
type Result struct {
	Rows []*Row
	// Ran counts the commands that were run; the rest was up to date.
	Ran int
}

// Build makes, pads and verifies every module with each tool that the
// configuration asks for. A row that fails does not keep others from being
// made; Result.Err sums them up. The error is only that of ctx.
func Build(ctx context.Context, c *Config, tools Tools, opt Options) (*Result, error) {
	runner := &Runner{Dir: c.Dir, Timeout: opt.Timeout}
	rows, err := each(ctx, c, tools, opt, func(t Target) (*Made, error) { return runner.Make(ctx, t, opt.Verify) })
	return &Result{Rows: rows, Ran: runner.Ran()}, err
}

// Verify verifies the modules that Build left in the output folder.
func Verify(ctx context.Context, c *Config, tools Tools, opt Options) (*Result, error) {
	runner := &Runner{Dir: c.Dir}
	rows, err := each(ctx, c, tools, opt, func(t Target) (*Made, error) { return runner.Look(ctx, t, opt.Verify) })
	return &Result{Rows: rows}, err
}

// each makes something of every row that can be made.
func each(ctx context.Context, c *Config, tools Tools, opt Options, do func(Target) (*Made, error)) ([]*Row, error) {
	rows := c.Targets(tools, cmp.Or(opt.Out, DefaultOut))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, row := range rows {
		if row.Err != nil {
			continue
		}
		group.Go(func() error {
			t := row.target
			t.Max = opt.Max
			row.take(do(t))
			return nil // every error is in its row
		})
	}
	_ = group.Wait()
	return rows, ctx.Err()
}

var (
	// ErrUnusable says that some module could not be made or verified at all.
	ErrUnusable = errors.New("not built")
	// ErrFindings says that some module is not as it should be.
	ErrFindings = errors.New("not as it should be")
)

// Err is nil when every row is good, and otherwise says how many are not; it
// is ErrUnusable if any module could not be judged, else ErrFindings.
func (r *Result) Err() error {
	var unusable, wrong int
	for _, row := range r.Rows {
		switch {
		case row.Err != nil || row.Report == nil:
			unusable++
		case !row.Good():
			wrong++
		}
	}
	switch {
	case unusable > 0 && wrong > 0:
		return fmt.Errorf("%d of %d modules: %w; %d of them: %w", unusable, len(r.Rows), ErrUnusable, wrong, ErrFindings)
	case unusable > 0:
		return fmt.Errorf("%d of %d modules: %w", unusable, len(r.Rows), ErrUnusable)
	case wrong > 0:
		return fmt.Errorf("%d of %d modules: %w", wrong, len(r.Rows), ErrFindings)
	}
	return nil
}
