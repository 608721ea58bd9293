package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say how to run a plan.
type Options struct {
	// Cache keeps results; it must be there.
	Cache *Cache
	// Timeout ends a compiler or linker that hangs, with all its children;
	// zero is a minute.
	Timeout time.Duration
	// Done, if set, is told of every cell that has its result, from one
	// goroutine at a time.
	Done func(Cell)
}

// Ran counts what a run had to do; the rest was known.
type Ran struct {
	// Compiled and Linked count commands.
	Compiled, Linked int
}

// runner is a run of a plan.
type runner struct {
	opt     Options
	tools   *Tools
	cache   *Cache
	ids     *identities
	sources *sources
	// dir is the folder of this run, which no other run shares.
	dir  string
	self string
	// objects holds what was compiled in this run, in case that the cache
	// cannot.
	objects sync.Map

	compiled, linked atomic.Int64
}

// Run runs every cell of a plan with the programs of this machine. What goes
// wrong with one cell is told there and keeps no other from being run. The error
// is that of ctx, or says why nothing could be run at all; what was finished
// before that is in the cache.
func Run(ctx context.Context, p *Plan, tools *Tools, opt Options) (*Matrix, Ran, error) {
	if opt.Timeout == 0 {
		opt.Timeout = time.Minute
	}
	dir, err := os.MkdirTemp("", "kmodpad-matrix-")
	if err != nil {
		return nil, Ran{}, fmt.Errorf("no place to build in: %w", err)
	}
	defer os.RemoveAll(dir)
	r := &runner{opt: opt, tools: tools, cache: opt.Cache, dir: dir, self: self(opt.Cache)}
	r.ids = &identities{cache: opt.Cache}
	if r.sources, err = unpack(filepath.Join(dir, "src")); err != nil {
		return nil, Ran{}, fmt.Errorf("no place to build in: %w", err)
	}

	// A cell's place is fixed by the plan, whenever it finishes.
	cells := make([]Cell, p.Cells())
	var mu sync.Mutex
	perBuild := len(p.Linkers) * len(p.Strategies)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range p.Builds {
		group.Go(func() error {
			r.build(ctx, p, b, func(l, s int, result Result) {
				cell := Cell{b.cell(p.Linkers[l], p.Strategies[s]), result}
				cells[i*perBuild+l*len(p.Strategies)+s] = cell
				if opt.Done != nil {
					mu.Lock()
					defer mu.Unlock()
					opt.Done(cell)
				}
			})
			return nil // every error is in its cell
		})
	}
	_ = group.Wait()
	ran := Ran{int(r.compiled.Load()), int(r.linked.Load())}
	if err := ctx.Err(); err != nil {
		return nil, ran, fmt.Errorf("stopped: %w; the cells that were finished are kept", err)
	}
	return newMatrix(p, tools, cells), ran, nil
}

// build runs all cells of one build.
func (r *runner) build(ctx context.Context, p *Plan, b Build, tell func(linker, strategy int, result Result)) {
	all := func(linker int, result Result) {
		for s := range p.Strategies {
			tell(linker, s, result)
		}
	}
	if ctx.Err() != nil {
		return
	}
	c, ok := r.tools.compiler(b.Arch, b.Compiler)
	if !ok {
		for l := range p.Linkers {
			all(l, Result{State: Impossible, Reason: fmt.Sprintf("%v: %s here does not compile for %s", errImpossible, b.Compiler, b.Arch)})
		}
		return
	}
	o := r.compile(ctx, b, c)
	if ctx.Err() != nil {
		return
	}
	for l, name := range p.Linkers {
		if o.Err != "" {
			state := Failed
			if o.crashed {
				state = Crashed
			}
			all(l, Result{State: state, Reason: o.Err, CompileWarnings: o.Warnings})
			continue
		}
		j, err := r.prepare(ctx, b, o, name)
		if err != nil {
			state := Crashed
			if errors.Is(err, errImpossible) {
				state = Impossible
			}
			all(l, Result{State: state, Reason: err.Error()})
			continue
		}
		at := 0
		r.cells(ctx, j, p.Strategies, func(_ string, result Result) {
			tell(l, at, result)
			at++
		})
	}
}
