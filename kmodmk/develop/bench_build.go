package develop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// bench is where figures are taken: a folder with modules, and programs.
type bench struct {
	benchSizes
	dir string
	// lld is the newest ld.lld; bfd is a GNU ld for i386 if there is one.
	lld, bfd                  kmodmk.Tool
	tools                     kmodmk.Tools
	readelf, padcheck, launch string
	// rows are the modules that were built.
	rows []*kmodmk.Row
}

// benchMissing are tools that are not installed.
type benchMissing []string

func (m benchMissing) Error() string {
	return fmt.Sprintf("bench needs %s: run \"go tool mage setup\"", strings.Join(m, " and "))
}

// newBench looks for tools, builds programs, and writes sources.
func newBench(ctx context.Context, sizes benchSizes) (_ *bench, err error) {
	b := &bench{benchSizes: sizes}
	if err := b.findTools(ctx); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "kmodpad-bench-"); err != nil {
		return nil, err
	}
	if err = b.buildPrograms(ctx); err == nil {
		err = b.writeSources()
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// close removes the folder.
func (b *bench) close() error { return os.RemoveAll(b.dir) }

func (b *bench) findTools(ctx context.Context) error {
	found, err := toolchains.Find(ctx, os.Getenv("PATH"))
	if err != nil {
		return err
	}
	b.tools = magetarget.Tools(found)
	var missing benchMissing
	for _, a := range arch.All {
		set := b.tools[a.Name]
		if !slices.ContainsFunc(set.Compilers, func(c kmodmk.Compiler) bool { return strings.HasPrefix(c.Name, "clang") }) {
			missing = append(missing, "clang for "+a.Name)
		}
		if set.Objcopy == "" {
			missing = append(missing, "an objcopy for "+a.Name)
		}
	}
	for _, l := range b.tools["i386"].Linkers { // of a kind, the newest is last
		if l.Kind == string(toolchains.LLD) {
			b.lld = l.Tool
		} else if b.bfd.Path == "" {
			b.bfd = l.Tool
		}
	}
	if b.lld.Path == "" {
		missing = append(missing, "ld.lld")
	}
	if b.readelf, err = exec.LookPath("readelf"); err != nil {
		missing = append(missing, "readelf")
	}
	if missing != nil {
		return missing
	}
	return nil
}

// writeSources writes what to build, and a kmod.yaml that says how.
func (b *bench) writeSources() error {
	text := new(strings.Builder)
	fmt.Fprintf(text, "archs: [%s]\ncompilers: [clang*]\nlinkers: [%s]\nincludes: [include]\nstrategy: %s\nmodules:\n",
		strings.Join(arch.Names(), ", "), b.lld.Name, ldscripts.Constraint)
	files := map[string]string{}
	for _, n := range b.functions {
		name := fmt.Sprintf("net%d", n)
		files[name+".c"] = moduleSource(name, n)
		fmt.Fprintf(text, "  - {name: %[1]s, sources: [%[1]s.c], exports: [%[1]s_run]}\n", name)
	}
	for _, n := range b.references {
		name := referencesName(n)
		files[name+".S"] = referencesSource(n)
		fmt.Fprintf(text, "  - {name: %[1]s, sources: [%[1]s.S], archs: [i386]}\n", name)
	}
	files["large.c"] = moduleSource("large", b.large)
	for _, strategy := range linkStrategies {
		fmt.Fprintf(text, "  - {name: large-%[1]s, sources: [large.c], exports: [large_run], strategy: %[1]s, archs: [i386], linkers: [%[2]s]}\n",
			strategy, strings.Join(b.linkers(), ", "))
	}
	files[kmodmk.ConfigName] = text.String()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	headers, err := fs.Sub(testdata.Include, "include")
	if err != nil {
		return err
	}
	return os.CopyFS(filepath.Join(b.dir, "include"), headers)
}

// linkers are the names of the linkers whose links are measured.
func (b *bench) linkers() []string {
	names := []string{b.lld.Name}
	if b.bfd.Path != "" {
		names = append(names, b.bfd.Name)
	}
	return names
}

// build builds all modules, and then again with nothing changed.
func (b *bench) build(ctx context.Context) ([]figure, error) {
	config, err := kmodmk.Load(afero.NewOsFs(), filepath.Join(b.dir, kmodmk.ConfigName))
	if err != nil {
		return nil, err
	}
	// The modules are verified later, by the command.
	verify := func(context.Context, string, string) (*padcheck.Module, error) {
		return &padcheck.Module{Verdict: padcheck.OK}, nil
	}
	var took [2]time.Duration
	var again *kmodmk.Result
	for i := range took {
		start := time.Now()
		if again, err = kmodmk.Build(ctx, config, b.tools, kmodmk.Options{Verify: verify}); err != nil {
			return nil, err
		}
		took[i] = time.Since(start)
		for _, row := range again.Rows {
			if row.Err != nil {
				return nil, fmt.Errorf("%s for %s: %w", row.Module, row.Arch, row.Err)
			}
		}
	}
	b.rows = again.Rows
	return []figure{
		{"second build with nothing changed: commands run", float64(again.Ran), 0},
		{"second build with nothing changed: time, of the first", float64(took[1]) / float64(took[0]), noBudget},
	}, nil
}

// describe says what is measured with what.
func (b *bench) describe(ctx context.Context, w io.Writer) error {
	version, err := run.Run(ctx, run.Command{Path: b.readelf, Args: []string{"--version"}})
	if err != nil {
		return err
	}
	readelf, _, _ := strings.Cut(string(version.Stdout), "\n")
	var sizes []int64
	for _, row := range b.networkRows() {
		info, err := os.Stat(filepath.Join(b.dir, row.Plan.KO))
		if err != nil {
			return err
		}
		sizes = append(sizes, info.Size()/1000)
	}
	_, err = fmt.Fprintf(w, "%d modules of %d to %d kB, of %d architectures, by %s; links by %s; %s\n",
		b.modules, slices.Min(sizes), slices.Max(sizes), len(arch.All), b.rows[0].Compiler, strings.Join(b.linkers(), " and "), readelf)
	return err
}

// networkRows are the modules that are like network modules, of every
// architecture.
func (b *bench) networkRows() []*kmodmk.Row {
	return slices.DeleteFunc(slices.Clone(b.rows), func(r *kmodmk.Row) bool { return !strings.HasPrefix(r.Module, "net") })
}

// spread puts n copies of the network modules into a new folder, with stage
// 1's output beside each if asked, and names the modules.
func (b *bench) spread(folder string, n int, beside bool) ([]string, error) {
	rows := b.networkRows()
	if err := os.Mkdir(filepath.Join(b.dir, folder), 0o777); err != nil {
		return nil, err
	}
	var names []string
	for i := range n {
		plan := rows[i%len(rows)].Plan
		name := fmt.Sprintf("%04d", i)
		names = append(names, name+".ko")
		if err := copyFile(filepath.Join(b.dir, folder, name+".ko"), filepath.Join(b.dir, plan.KO)); err != nil {
			return nil, err
		}
		if beside {
			if err := copyFile(filepath.Join(b.dir, folder, name+".kld"), filepath.Join(b.dir, plan.KLD)); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o666)
}
