package kmodmk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/templates"
)

// Runner runs plans. Objects that several plans share are made once; steps whose
// output is up to date are not run at all. It may run many plans at the same
// time, as long as no two of them make the same module.
type Runner struct {
	// Dir is the folder that the plans' paths are relative to.
	Dir string
	// Timeout ends a command that hangs; zero is ten minutes.
	Timeout time.Duration

	ran   atomic.Int64
	mu    sync.Mutex
	tasks map[string]*task
}

type task struct {
	once sync.Once
	err  error
}

// Ran counts the commands that had to be run.
func (r *Runner) Ran() int { return int(r.ran.Load()) }

// Run makes what the plan makes. Every file appears whole or not at all.
func (r *Runner) Run(ctx context.Context, p *Plan) error {
	for _, f := range p.Writes {
		if _, err := templates.Write(afero.NewOsFs(), r.path(f.Path), f.Data); err != nil {
			return err
		}
	}
	for i, s := range p.Steps {
		do := r.step
		if i < p.Compiles {
			do = r.once
		}
		if err := do(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// once runs a step that other plans may have as well.
func (r *Runner) once(ctx context.Context, s Step) error {
	r.mu.Lock()
	if r.tasks == nil {
		r.tasks = make(map[string]*task)
	}
	t := r.tasks[s.Output]
	if t == nil {
		t = &task{}
		r.tasks[s.Output] = t
	}
	r.mu.Unlock()
	t.once.Do(func() { t.err = r.step(ctx, s) })
	return t.err
}

// step runs one step into a folder of its own, and moves its output to its
// place when all went well.
func (r *Runner) step(ctx context.Context, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.fresh(s) {
		return nil
	}
	before, err := r.key(s, nil)
	if err != nil {
		return err
	}
	dir := path.Dir(s.Output)
	if err := os.MkdirAll(r.path(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(r.path(dir), ".tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	away := path.Join(dir, filepath.Base(tmp))
	c := s.Command
	c.Dir = r.Dir
	c.Args = make([]string, len(s.Command.Args))
	for i, arg := range s.Command.Args {
		switch {
		case arg == word(s.Output):
			arg = word(path.Join(away, path.Base(s.Output)))
		case s.Deps != "" && arg == word(s.Deps):
			arg = word(path.Join(away, path.Base(s.Deps)))
		}
		c.Args[i] = arg
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r.ran.Add(1)
	if _, err := run.Run(limited, c); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w (%v)", err, timeout)
		}
		return err
	}
	made := filepath.Join(tmp, path.Base(s.Output))
	if info, err := os.Stat(made); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s says that it succeeded but made no %s", filepath.Base(c.Path), path.Base(s.Output))
	}
	return r.finish(s, before, tmp, made)
}

// finish puts what a step made in its place and notes what it was made from.
func (r *Runner) finish(s Step, before, tmp, made string) error {
	var deps []string
	if s.Deps != "" {
		rule, err := os.ReadFile(filepath.Join(tmp, path.Base(s.Deps)))
		if err != nil {
			return fmt.Errorf("the list of headers: %w", err)
		}
		if deps, err = parseDeps(rule); err != nil {
			return err
		}
	}
	sum, err := hashFile(made)
	if err != nil {
		return err
	}
	if err := os.Rename(made, r.path(s.Output)); err != nil {
		return err
	}
	// An input that changed while the command ran may or may not be in the
	// output: then nothing is noted, and the next run makes it again.
	if after, err := r.key(s, nil); err != nil || after != before {
		return nil
	}
	key, err := r.key(s, deps)
	if err != nil {
		return nil
	}
	return r.note(s, stamp{Key: key, Deps: deps, Output: sum})
}

// path makes a path of a plan one for this process.
func (r *Runner) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.Dir, name)
}
