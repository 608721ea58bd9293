package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// job is one build with one linker: the cells that differ in their strategy
// alone, which have the unpadded link in common.
type job struct {
	build   Build
	linker  string
	object  compiled
	link    linker
	objcopy string
	arch    *arch.Arch
	// key is that of everything but the strategy.
	key string
}

// errImpossible is the error of a cell that no program here could make.
var errImpossible = errors.New("cannot be")

// prepare makes a job of a build and a linker; an error says why there can be
// none.
func (r *runner) prepare(ctx context.Context, b Build, o compiled, linkerName string) (*job, error) {
	at := r.tools.archs[b.Arch]
	l, ok := r.tools.linker(b.Arch, linkerName)
	if !ok {
		return nil, fmt.Errorf("%w: %s here has no emulation for %s", errImpossible, linkerName, b.Arch)
	}
	if at.objcopy == "" {
		return nil, fmt.Errorf("%w: no objcopy for %s is installed to make symbols local: run \"go tool mage setup\"", errImpossible, b.Arch)
	}
	linkerID, err := r.ids.of(ctx, l.path, l.kind)
	if err != nil {
		return nil, err
	}
	objcopyID, err := r.ids.of(ctx, at.objcopy, "")
	if err != nil {
		return nil, err
	}
	return &job{
		build: b, linker: linkerName, object: o, link: l, objcopy: at.objcopy, arch: at.arch,
		key: key(o.Sum, b.Arch, b.Case, linkerID, l.emulation, objcopyID, r.self),
	}, nil
}

// cells runs the job's cells, each strategy in turn, and tells each result as
// soon as it is there.
func (r *runner) cells(ctx context.Context, j *job, strategies []string, tell func(strategy string, result Result)) {
	var before *unpadded // made when it is first needed
	var dir string
	results := make(map[ldscripts.Strategy]Result)
	defer func() {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}()
	for _, strategy := range strategies {
		if ctx.Err() != nil {
			return
		}
		// Strategies that come to the same on this architecture share a result.
		used := ldscripts.Strategy(strategy).For(j.arch)
		k := key(j.key, string(used))
		var result Result
		if r.cache.load("cell", k, &result) {
			results[used] = result
			result.CompileWarnings = j.object.Warnings
			tell(strategy, result)
			continue
		}
		var err error
		if dir == "" {
			dir, err = r.unpackObject(j)
		}
		if err == nil && before == nil {
			before, err = r.linkUnpadded(ctx, j, dir)
		}
		unlinkable := err != nil // nothing was padded yet
		if err == nil {
			result, err = r.cell(ctx, j, dir, used, before, results)
		}
		if ctx.Err() != nil {
			return // what was stopped has no result
		}
		if err != nil {
			state := Failed
			if died(err) {
				state = Crashed
			}
			result = Result{State: state, Reason: r.clean(err.Error(), j.link.path, j.objcopy, dir), Unlinkable: unlinkable && state == Failed}
			if before != nil {
				result.Outside = before.outside
			}
		}
		if result.State != Crashed {
			r.cache.store("cell", k, result)
		}
		results[used] = result
		result.CompileWarnings = j.object.Warnings
		tell(strategy, result)
	}
}

// unpackObject makes the job's folder with the object in it.
func (r *runner) unpackObject(j *job) (string, error) {
	dir, err := os.MkdirTemp(r.dir, "job-")
	if err != nil {
		return "", err
	}
	data, ok := r.cache.get("bytes", j.object.Sum)
	if kept, here := r.objects.Load(j.object.Sum); !ok && here {
		data, ok = kept.([]byte), true
	}
	if !ok {
		return dir, fmt.Errorf("the object of %s has gone from the cache while it was in use; run it again", j.build)
	}
	return dir, os.WriteFile(filepath.Join(dir, j.build.Case+".o"), data, 0o644)
}

// target is the job as package kmodmk builds it.
func (r *runner) target(j *job, s ldscripts.Strategy) kmodmk.Target {
	limit := uint64(kmodmk.DefaultMax)
	sample := r.sources.sample(j.build.Case)
	return kmodmk.Target{
		Module: &kmodmk.Module{Name: j.build.Case, Settings: kmodmk.Settings{
			Max: &limit, Exports: &kmodmk.Exports{Names: sample.Exports},
		}},
		Arch: j.arch, Objects: []string{j.build.Case + ".o"},
		Linker: kmodmk.Linker{
			Tool: kmodmk.Tool{Name: j.link.label, Path: j.link.path}, Kind: string(j.link.kind), Emulation: j.link.emulation,
		},
		Objcopy: j.objcopy, Strategy: s, Max: limit, Out: ".",
	}
}

// unpadded is what the link without padding shows of an object.
type unpadded struct {
	sizes   map[string]uint64 // of the sets that it has
	outside int
}

// linkUnpadded links without padding, and measures the output of stage 1. That
// a module is made at all shows what goes wrong with padding is of the padding.
func (r *runner) linkUnpadded(ctx context.Context, j *job, dir string) (*unpadded, error) {
	plan, err := r.target(j, ldscripts.None).Plan()
	if err != nil {
		return nil, err
	}
	if err := r.run(ctx, dir, plan); err != nil {
		return nil, err
	}
	sets, err := references(filepath.Join(dir, plan.KLD))
	if err != nil {
		return nil, err
	}
	u := &unpadded{sizes: make(map[string]uint64)}
	for _, s := range sets {
		u.sizes[s.Name] = s.Size
		for _, ref := range s.References {
			if !s.Inside(ref) && !ref.Resolved {
				u.outside += ref.Count
			}
		}
	}
	return u, nil
}

// run runs a plan in a job's folder and counts its commands.
func (r *runner) run(ctx context.Context, dir string, plan *kmodmk.Plan) error {
	runner := &kmodmk.Runner{Dir: dir, Timeout: r.opt.Timeout}
	err := runner.Run(ctx, plan)
	r.linked.Add(int64(runner.Ran()))
	return err
}

// cell links one cell and judges the module. Results are those that the job has
// already.
func (r *runner) cell(ctx context.Context, j *job, dir string, s ldscripts.Strategy, before *unpadded, results map[ldscripts.Strategy]Result) (Result, error) {
	target := r.target(j, s)
	warnings := &warningCounter{}
	var plan *kmodmk.Plan
	var report *padcheck.Module
	if s.Measures() {
		runner := &kmodmk.Runner{Dir: dir, Timeout: r.opt.Timeout}
		made, err := runner.Make(ctx, target, r.verify)
		r.linked.Add(int64(runner.Ran()))
		if err != nil {
			return Result{}, err
		}
		plan, report = made.Plan, made.Report
		if same, ok := results[made.Used]; ok && made.Used != s {
			// The first link stands, and it is that of another cell.
			warnings.count, warnings.first = same.LinkWarnings, same.LinkWarning
		} else if err := r.again(ctx, dir, plan, warnings); err != nil {
			return Result{}, err
		}
	} else {
		var err error
		if plan, err = target.Plan(); err != nil {
			return Result{}, err
		}
		for i := range plan.Steps {
			plan.Steps[i].Command.Echo = warnings
		}
		if err := r.run(ctx, dir, plan); err != nil {
			return Result{}, err
		}
		if report, err = r.verify(ctx, filepath.Join(dir, plan.KO), filepath.Join(dir, plan.KLD)); err != nil {
			return Result{}, err
		}
	}
	result := Result{
		State: State(report.Verdict), Outside: before.outside,
		Rules: rules(report, padcheck.Error), Warnings: rules(report, padcheck.Warning),
		LinkWarnings: warnings.count, LinkWarning: r.clean(warnings.first, j.link.path, j.objcopy, dir),
	}
	drawn, err := draw(filepath.Join(dir, plan.KLD), report)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", errVerify, err)
	}
	result.Sets = drawn
	for _, set := range report.Sets {
		was, ok := before.sizes[set.Name]
		if !ok {
			result.Left = append(result.Left, set.Name)
		}
		if set.Size > was {
			result.Added += set.Size - was
		}
	}
	slices.Sort(result.Left)
	return result, nil
}

// again runs the commands of a link that went well once more, for its warnings,
// which package kmodmk does not keep.
func (r *runner) again(ctx context.Context, dir string, plan *kmodmk.Plan, warnings *warningCounter) error {
	for _, step := range plan.Steps {
		c := step.Command
		c.Dir, c.Echo = dir, warnings
		limited, cancel := context.WithTimeout(ctx, r.opt.Timeout)
		_, err := run.Run(limited, c)
		cancel()
		if r.linked.Add(1); err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	return nil
}

// verify dry-runs the load of a module.
func (r *runner) verify(_ context.Context, ko, kld string) (*padcheck.Module, error) {
	session, err := padcheck.NewSession(padcheck.Options{KLD: kld})
	if err != nil {
		return nil, err
	}
	report, err := session.VerifyFile(ko)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVerify, err)
	}
	return report, nil
}

// clean takes this machine's folders out of a message.
func (r *runner) clean(message string, paths ...string) string {
	for _, p := range paths {
		if p != "" {
			message = strings.ReplaceAll(message, p+string(filepath.Separator), "")
			message = strings.ReplaceAll(message, p, filepath.Base(p))
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(message, r.sources.dir+"/", ""), r.dir+"/", "")
}
