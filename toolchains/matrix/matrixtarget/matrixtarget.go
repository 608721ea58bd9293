// Package matrixtarget holds the mage targets of the toolchain matrix. Exit
// status 1 tells that some cell is not as it must be or got worse, 2 that
// something could not be read or run.
package matrixtarget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magefile/mage/mg"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/afero"
	"golang.org/x/term"

	"github.com/kmodpad/kmodpad/toolchains/matrix"
)

// Matrix is the namespace of the targets that try every toolchain.
type Matrix mg.Namespace

// DefaultOut is the folder of the results, ResultsFile the one that is kept in
// the repository.
const (
	DefaultOut  = ".kmod/matrix"
	ResultsFile = "toolchains/RESULTS.md"
)

// Run builds and verifies every cell of toolchains/matrix.yaml and writes reports to .kmod/matrix.
//
// Flags narrow it: -arch, -compiler, -options, -linker, -strategy, -case, each
// a list with commas; compilers and linkers by a part of their name. -plan runs
// the plan in a file, -shard=3/8 the third of eight parts, and -timeout ends
// programs that hang. -onlyfailing prints the cells without a sound module,
// -out names the folder for the reports, and -results writes
// toolchains/RESULTS.md too.
func (Matrix) Run(ctx context.Context, arch, compiler, options, linker, strategy, Case, plan, shard, out *string,
	onlyFailing, results *bool, timeout *time.Duration) error {
	cache, err := matrix.OpenCache()
	if err != nil {
		return unusable(err)
	}
	whole, tools, absent, err := prepare(ctx, cache, plan, matrix.Filter{
		Arch: value(arch), Compiler: value(compiler), Options: value(options),
		Linker: value(linker), Strategy: value(strategy), Case: value(Case),
	})
	if err != nil {
		return unusable(err)
	}
	part, err := matrix.ParseShard(value(shard))
	if err != nil {
		return unusable(err)
	}
	todo := whole.Cut(part)
	opt := matrix.Options{Cache: cache}
	if timeout != nil {
		opt.Timeout = *timeout
	}
	done := progress(todo.Cells(), &opt)
	m, ran, err := matrix.Run(ctx, todo, tools, opt)
	done()
	cache.Trim()
	if err != nil {
		return unusable(err)
	}
	return finish(m, whole, cache, absent, ran, value(out), onlyFailing != nil && *onlyFailing, results != nil && *results)
}

// prepare reads what to run: a plan, or the configuration narrowed by a filter.
func prepare(ctx context.Context, cache *matrix.Cache, planFile *string, f matrix.Filter) (*matrix.Plan, *matrix.Tools, []string, error) {
	config, err := matrix.Load(afero.NewOsFs(), matrix.ConfigName)
	if err != nil {
		return nil, nil, nil, err
	}
	found, err := matrix.Find(ctx, cache, os.Getenv("PATH"))
	if err != nil {
		return nil, nil, nil, err
	}
	tools := matrix.NewTools(found)
	if planFile != nil {
		if f != (matrix.Filter{}) {
			return nil, nil, nil, errors.New("-plan says what to run, so that no other flag can narrow it: narrow it when it is made (matrix:plan)")
		}
		p, err := matrix.ReadPlanFile(*planFile)
		if err == nil && p == nil {
			err = fmt.Errorf("%s holds no %s", *planFile, matrix.PlanFile)
		}
		return p, tools, nil, err
	}
	p, absent, err := matrix.NewPlan(config, f, tools)
	return p, tools, absent, err
}

// progress shows a bar on a terminal, and nothing elsewhere.
func progress(cells int, opt *matrix.Options) (done func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions(cells, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("matrix"),
		progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	opt.Done = func(matrix.Cell) { _ = bar.Add(1) }
	return func() { _ = bar.Finish() }
}

// finish prints and writes the results, and makes the exit status of them.
func finish(m *matrix.Matrix, p *matrix.Plan, cache *matrix.Cache, absent []string, ran matrix.Ran, out string, onlyFailing, results bool) error {
	if out == "" {
		out = DefaultOut
	}
	print := m.WriteText
	if onlyFailing {
		print = m.Only(matrix.Cell.Failing).WriteCells
	}
	errs := []error{print(os.Stdout)}
	fmt.Printf("%d compiled, %d link commands run, the rest was known.\n", ran.Compiled, ran.Linked)
	errs = append(errs, m.Write(out, p))
	if results {
		errs = append(errs, matrix.WriteFile(ResultsFile, m.WriteResults))
	}
	fmt.Printf("The reports are in %s: open %s.\n", out, filepath.Join(out, "index.html"))
	var problems strings.Builder
	_ = m.WriteProblems(&problems)
	for _, a := range absent {
		fmt.Fprintf(&problems, "no program here is called %s: \"go tool mage setup\" installs what is missing\n", a)
	}
	if err := cache.Err(); err != nil {
		fmt.Fprintln(&problems, err)
	}
	if problems.Len() > 0 {
		fmt.Printf("\nWhat was in the way:\n%s", problems.String())
	}
	if err := errors.Join(errs...); err != nil {
		return unusable(err)
	}
	return defects(m)
}

func defects(m *matrix.Matrix) error {
	list := m.Defects()
	if len(list) == 0 {
		return nil
	}
	return mg.Fatalf(1, "%d of %d cells are not as they must be, first of all %s: %s", len(list), len(m.Cells), list[0].Coordinates, list[0].WhyLine())
}

// Plan prints what matrix:run would run, as JSON, or writes it to the file of -out; the other flags narrow it.
func (Matrix) Plan(ctx context.Context, arch, compiler, options, linker, strategy, Case, out *string) error {
	cache, err := matrix.OpenCache()
	if err != nil {
		return unusable(err)
	}
	p, _, absent, err := prepare(ctx, cache, nil, matrix.Filter{
		Arch: value(arch), Compiler: value(compiler), Options: value(options),
		Linker: value(linker), Strategy: value(strategy), Case: value(Case),
	})
	if err != nil {
		return unusable(err)
	}
	for _, a := range absent {
		fmt.Fprintf(os.Stderr, "no program here is called %s: \"go tool mage setup\" installs what is missing\n", a)
	}
	if out == nil {
		return p.WriteJSON(os.Stdout)
	}
	if err := matrix.WriteFile(*out, p.WriteJSON); err != nil {
		return unusable(err)
	}
	fmt.Fprintf(os.Stderr, "%d cells of %d builds\n", p.Cells(), len(p.Builds))
	return nil
}

// Merge joins the results of shards: folders as a list with commas or patterns (matrix:merge 'shards/*'), to the folder of -out.
func (Matrix) Merge(dirs string, out *string, results *bool) error {
	var list []string
	for _, word := range strings.Split(dirs, ",") {
		found, err := filepath.Glob(word)
		if err != nil {
			return unusable(err)
		}
		if found == nil {
			return unusable(fmt.Errorf("no folder matches %s", word))
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	m, p, err := matrix.MergeFolders(slices.Compact(list))
	if err != nil {
		return unusable(err)
	}
	folder := DefaultOut
	if out != nil {
		folder = *out
	}
	if err := m.Write(folder, p); err != nil {
		return unusable(err)
	}
	if results != nil && *results {
		if err := matrix.WriteFile(ResultsFile, m.WriteResults); err != nil {
			return unusable(err)
		}
	}
	if err := m.WriteText(os.Stdout); err != nil {
		return err
	}
	return defects(m)
}

// Diff says in words what changed from one matrix.json to another, and fails when a verdict got worse.
func (Matrix) Diff(before, after string) error { return diff(os.Stdout, before, after) }

func diff(w io.Writer, before, after string) error {
	old, err := matrix.ReadFile(before)
	if err != nil {
		return unusable(err)
	}
	is, err := matrix.ReadFile(after)
	if err != nil {
		return unusable(err)
	}
	d := matrix.Diff(old, is)
	if err := d.WriteText(w); err != nil {
		return unusable(err)
	}
	if len(d.Worse) > 0 {
		return mg.Fatalf(1, "worse in %d ways", len(d.Worse))
	}
	return nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func unusable(err error) error { return mg.Fatal(2, err) }

// Shards prints the parts that the plan in a file is worth cutting into, as a JSON list for CI engines; -most limits them.
func (Matrix) Shards(plan string, most *int) error {
	limit := matrix.MaxShards
	if most != nil {
		limit = *most
	}
	if limit < 1 {
		return unusable(fmt.Errorf("-most=%d: a matrix has at least one part", limit))
	}
	p, err := matrix.ReadPlanFile(plan)
	if err == nil && p == nil {
		err = fmt.Errorf("%s holds no %s", plan, matrix.PlanFile)
	}
	if err != nil {
		return unusable(err)
	}
	text, err := json.Marshal(p.Shards(limit))
	if err != nil {
		return unusable(err)
	}
	fmt.Println(string(text))
	return nil
}

// CI writes definitions for GitHub Actions, GitLab and Cirrus CI that run the matrix in parts, 8 or as -shards says, to a folder.
func (Matrix) CI(dir string, shards *int) error {
	n := 8
	if shards != nil {
		n = *shards
	}
	names, err := matrix.GenerateCI(afero.NewOsFs(), dir, n)
	for _, name := range names {
		fmt.Println(name)
	}
	if err != nil {
		return unusable(err)
	}
	return nil
}
