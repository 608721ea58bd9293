package kmodmk

import (
	"context"
	"fmt"
	"os"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
)

// Verifier judges a module; kld is the output of stage 1 that it was made of.
type Verifier func(ctx context.Context, ko, kld string) (*padcheck.Module, error)

// Made is a module that was made and judged.
type Made struct {
	// Plan is how it was made: of the last link, if there were two.
	Plan *Plan
	// Used is the strategy that made it, and Why says in a few words why that
	// one, if the target left it open.
	Used ldscripts.Strategy
	Why  string
	// Refused says why the module was not padded by as much as its references
	// need: that would be more than the target's Max.
	Refused error
	// Report is the verifier's.
	Report *padcheck.Module
}

// Make makes a module and judges it. A strategy that measures first links as
// its name says, looks whether that was enough, and links once more only if it
// was not.
func (r *Runner) Make(ctx context.Context, t Target, verify Verifier) (*Made, error) {
	plan, err := t.Plan()
	if err != nil {
		return nil, err
	}
	if err := r.objects(ctx, t, plan); err != nil {
		return nil, err
	}
	if !t.Strategy.Measures() {
		return r.first(ctx, t, plan, verify)
	}
	// Whether the first link will do is known without making it again, if it
	// was found before that for these objects it will not.
	if n := r.recall(t, plan); n != nil {
		if made, err := r.again(ctx, t, n, verify); err == nil && !lacking(made.Report) {
			return made, nil
		}
	}
	made, err := r.first(ctx, t, plan, verify)
	if err != nil {
		return nil, err
	}
	n, err := r.missing(t, made)
	if err != nil || n == nil || made.Refused != nil {
		return made, err
	}
	if n.key, err = r.key(plan.Steps[plan.Compiles], nil); err != nil {
		return nil, err
	}
	if made, err = r.again(ctx, t, n, verify); err != nil {
		return nil, err
	}
	return made, r.remember(made.Plan, n)
}

// Look judges a module that Make made before, and makes nothing.
func (r *Runner) Look(ctx context.Context, t Target, verify Verifier) (*Made, error) {
	p, n, err := r.known(t)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.path(p.KO)); err != nil {
		return nil, fmt.Errorf("%w: build it first", err)
	}
	made, err := r.judge(ctx, t, p, n, verify)
	if err == nil && n == nil && t.Strategy.Measures() {
		_, err = r.missing(t, made)
	}
	return made, err
}

// missing is what a module's first link lacks, nil if nothing; it notes if that
// is more than the module may have.
func (r *Runner) missing(t Target, made *Made) (*demand, error) {
	n, err := t.measure(r.path(made.Plan.KLD), made.Report)
	if n != nil && n.refused != nil {
		made.Refused, made.Why = n.refused, n.why
	}
	return n, err
}

// known is the plan of a module as far as it is known without making anything:
// that of the last link if it was made before, or else of the first.
func (r *Runner) known(t Target) (*Plan, *demand, error) {
	p, err := t.Plan()
	if err != nil || !t.Strategy.Measures() {
		return p, nil, err
	}
	n := r.recall(t, p)
	if n != nil {
		t.Padding = &n.padding
		p, err = t.Plan()
	}
	return p, n, err
}

// first makes a module by a fixed strategy.
func (r *Runner) first(ctx context.Context, t Target, p *Plan, verify Verifier) (*Made, error) {
	if err := r.Run(ctx, p); err != nil {
		return nil, err
	}
	return r.judge(ctx, t, p, nil, verify)
}

// again makes a module by what was found to be needed.
func (r *Runner) again(ctx context.Context, t Target, n *demand, verify Verifier) (*Made, error) {
	t.Padding = &n.padding
	p, err := t.Plan()
	if err != nil {
		return nil, err
	}
	if err := r.Run(ctx, p); err != nil {
		return nil, err
	}
	return r.judge(ctx, t, p, n, verify)
}

// judge verifies what a plan made; n is what it was found to need, if anything.
func (r *Runner) judge(ctx context.Context, t Target, p *Plan, n *demand, verify Verifier) (*Made, error) {
	report, err := verify(ctx, r.path(p.KO), r.path(p.KLD))
	if err != nil {
		return nil, err
	}
	made := &Made{Plan: p, Used: t.Strategy.First(t.Arch), Report: report}
	switch {
	case n != nil:
		made.Used, made.Why = ldscripts.Measured, n.why
	case !t.Strategy.Measures() || lacking(report):
	case report == nil || len(report.Sets) == 0:
		made.Why = "no sets"
	case made.Used == ldscripts.None:
		made.Why = "no reference leaves a set"
	default:
		made.Why = "4 B are enough"
	}
	return made, nil
}

// objects makes the objects and looks whether they can be linked at all.
func (r *Runner) objects(ctx context.Context, t Target, p *Plan) error {
	if err := r.Run(ctx, &Plan{Writes: p.Writes, Steps: p.Steps[:p.Compiles], Compiles: p.Compiles}); err != nil {
		return err
	}
	names := t.Objects
	for _, s := range p.Steps[:p.Compiles] {
		names = join(names, []string{s.Output})
	}
	for _, name := range names {
		if err := checkObject(r.path(name)); err != nil {
			return err
		}
	}
	return nil
}
