package develop

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// launchSource is built into the program that starts what is measured.
//
//go:embed bench_launch.go
var launchSource []byte

// cost is what some work took.
type cost struct {
	cpu    float64 // user and system time of whole processes, in nanoseconds
	memory float64 // the peak of the largest process, in kilobytes
}

// work is some commands that are run one after the other. Their output is
// thrown away.
type work []run.Command

// buildPrograms builds the verifier and the launcher.
func (b *bench) buildPrograms(ctx context.Context) error {
	b.padcheck, b.launch = filepath.Join(b.dir, "padcheck"), filepath.Join(b.dir, "launch")
	source := filepath.Join(b.dir, "launch.go")
	if err := os.WriteFile(source, launchSource, 0o666); err != nil {
		return err
	}
	for output, what := range map[string]string{
		b.padcheck: "github.com/kmodpad/kmodpad/padcheck/cmd/padcheck",
		b.launch:   source,
	} {
		if _, err := run.Run(ctx, run.Command{Path: "go", Args: []string{"build", "-o", output, what}}); err != nil {
			return err
		}
	}
	return nil
}

// compare measures several pieces of work against each other. They take turns,
// so that whatever else the machine does meets them all alike, and of each
// command the best run counts, which is the one that was disturbed least. The
// first turn only fills caches.
func (b *bench) compare(ctx context.Context, runs int, works ...work) ([]cost, error) {
	best := make([][]cost, len(works))
	for turn := range runs + 1 {
		for i, w := range works {
			if turn <= 1 {
				best[i] = make([]cost, len(w))
			}
			for j, c := range w {
				is, err := b.measure(ctx, c)
				if err != nil {
					return nil, err
				}
				if turn > 1 {
					is = cost{min(is.cpu, best[i][j].cpu), min(is.memory, best[i][j].memory)}
				}
				best[i][j] = is
			}
		}
	}
	costs := make([]cost, len(works))
	for i, commands := range best {
		for _, c := range commands {
			costs[i] = cost{costs[i].cpu + c.cpu, max(costs[i].memory, c.memory)}
		}
	}
	return costs, nil
}

// measure runs a command. One that fails is an error: what is measured here is
// good work on good modules.
func (b *bench) measure(ctx context.Context, c run.Command) (cost, error) {
	c.Args = append([]string{c.Path}, c.Args...)
	c.Path = b.launch
	result, err := run.Run(ctx, c)
	if err != nil {
		return cost{}, err
	}
	var is cost
	if _, err := fmt.Fscan(bytes.NewReader(result.Stdout), &is.cpu, &is.memory); err != nil {
		return cost{}, fmt.Errorf("what %s took: %w", c.Args[0], err)
	}
	return is, nil
}
