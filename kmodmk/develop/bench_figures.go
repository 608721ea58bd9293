package develop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/ldscripts"
)

// growth is how much longer twice the input may take, and memoryGrowth how
// much more memory any input.
const (
	growth       = 2.1
	memoryGrowth = 1.5
)

// verify compares padcheck verify with readelf on the same modules.
func (b *bench) verify(ctx context.Context) ([]figure, error) {
	alone, err := b.spread("alone", b.modules, false)
	if err != nil {
		return nil, err
	}
	beside, err := b.spread("beside", b.modules, true)
	if err != nil {
		return nil, err
	}
	costs, err := b.compare(ctx, b.quickRuns,
		work{{Path: b.readelf, Args: slices.Concat([]string{"-SsrW"}, alone), Dir: b.folder("alone")}},
		work{b.verifier("alone", alone...)}, work{b.verifier("beside", beside...)})
	if err != nil {
		return nil, err
	}
	readelf := costs[0]
	return []figure{
		{"padcheck verify: CPU time, of readelf -SsrW", costs[1].cpu / readelf.cpu, 0.5},
		{"the same with NAME.kld beside each NAME.ko", costs[2].cpu / readelf.cpu, noBudget},
	}, nil
}

// grow verifies more and more modules. They are copies on the disk as well, so
// that no cache of the processor holds all of them.
func (b *bench) grow(ctx context.Context) ([]figure, error) {
	files, err := b.spread("many", 10*b.modules, false)
	if err != nil {
		return nil, err
	}
	costs, err := b.compare(ctx, b.runs, work{b.verifier("many", files[:b.modules]...)},
		work{b.verifier("many", files[:5*b.modules]...)}, work{b.verifier("many", files...)})
	if err != nil {
		return nil, err
	}
	few, half, all := costs[0], costs[1], costs[2]
	return []figure{
		{fmt.Sprintf("verify %d modules: CPU time, of that for %d", 10*b.modules, 5*b.modules), all.cpu / half.cpu, growth},
		{"the same for one module, of that among " + fmt.Sprint(b.modules), all.cpu / few.cpu / 10, noBudget},
		{fmt.Sprintf("verify %d modules: memory, of that for %d", 10*b.modules, b.modules), all.memory / few.memory, memoryGrowth},
	}, nil
}

// refer verifies and measures modules with more and more relocations.
func (b *bench) refer(ctx context.Context) ([]figure, error) {
	var verify, measure []work
	var sizes []float64
	for _, row := range b.rows {
		if !strings.HasPrefix(row.Module, "references") {
			continue
		}
		info, err := os.Stat(filepath.Join(b.dir, row.Plan.KLD))
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, float64(info.Size())/1024)
		verify = append(verify, work{b.verifier("", "--kld", "none", row.Plan.KO)})
		measure = append(measure, work{{Path: b.padcheck, Args: []string{"measure", row.Plan.KLD}, Dir: b.dir}})
	}
	costs, err := b.compare(ctx, b.runs, slices.Concat(verify, measure)...)
	if err != nil {
		return nil, err
	}
	v, m := costs[:len(verify)], costs[len(verify):]
	each := func(c []cost, i int) float64 { return c[i].cpu / float64(b.references[i]) }
	n := func(i int) string { return fmt.Sprint(b.references[i]) }
	return []figure{
		{"verify " + n(3) + " relocations: CPU time, of that for " + n(2), v[3].cpu / v[2].cpu, growth},
		{"the same for one relocation, of that among " + n(0), each(v, 3) / each(v, 0), noBudget},
		{"the same for one relocation, of that among " + n(1), each(v, 3) / each(v, 1), noBudget},
		{"verify " + n(3) + " relocations: memory, of the file's size", v[3].memory / sizes[3], noBudget},
		{"measure " + n(3) + " relocations: CPU time, of that for " + n(2), m[3].cpu / m[2].cpu, growth},
		{"measure " + n(3) + " relocations: memory but for the file, of " + n(0), (m[3].memory - sizes[3]) / (m[0].memory - sizes[0]), memoryGrowth},
	}, nil
}

// linkStrategies are the ways to link a large module that are compared.
var linkStrategies = []ldscripts.Strategy{ldscripts.None, ldscripts.Constraint}

// link compares the links of a large module without padding and with it.
func (b *bench) link(ctx context.Context) ([]figure, error) {
	var figures []figure
	for _, linker := range b.linkers() {
		var links []work
		for _, strategy := range linkStrategies {
			for _, row := range b.rows {
				if row.Linker != linker || row.Module != "large-"+string(strategy) {
					continue
				}
				var commands work
				for _, s := range row.Plan.Steps {
					if s.Deps == "" { // compiling is no link
						c := s.Command
						c.Dir = b.dir
						commands = append(commands, c)
					}
				}
				links = append(links, commands)
			}
		}
		costs, err := b.compare(ctx, 3*b.quickRuns, links...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{"padded link by " + linker + ": CPU time, of the unpadded one", costs[1].cpu / costs[0].cpu, 1.05})
	}
	return figures, nil
}

// verifier is a run of padcheck verify in a folder.
func (b *bench) verifier(folder string, args ...string) run.Command {
	return run.Command{Path: b.padcheck, Args: slices.Concat([]string{"verify"}, args), Dir: b.folder(folder)}
}

func (b *bench) folder(name string) string { return filepath.Join(b.dir, name) }
