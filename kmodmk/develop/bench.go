package develop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// Bench measures what the verifier and the padding cost and prints a table. A
// missed budget is an error. Every figure is a ratio of two things measured in
// this run, so that it means the same on a slow machine and on a busy one.
func Bench(ctx context.Context) error {
	figures, err := measureAll(ctx, os.Stdout, benchSizes{
		functions: []int{60, 120, 200}, large: 3000, modules: 300,
		references: [4]int{10_000, 100_000, 500_000, 1_000_000},
		runs:       5, quickRuns: 15,
	})
	if err != nil {
		return err
	}
	fmt.Println()
	if err := printFigures(os.Stdout, figures); err != nil {
		return err
	}
	over := 0
	for _, f := range figures {
		if f.verdict() == overBudget {
			over++
		}
	}
	if over > 0 {
		return fmt.Errorf("%d figures are over their budget", over)
	}
	return nil
}

// benchSizes say how much is measured.
type benchSizes struct {
	// functions are how many functions the modules have; each number gives a
	// module on each architecture. large is one more, for the links.
	functions []int
	large     int
	// modules are how many files are verified at least; ten times as many show
	// the growth.
	modules int
	// references are numbers of relocations in one module: 1, 10, 50 and 100
	// times the first.
	references [4]int
	// runs are how often each command runs, quickRuns how often those that take
	// milliseconds do. The best run counts.
	runs, quickRuns int
}

// measureAll takes every figure, on modules that it builds in a folder of its
// own and removes again.
func measureAll(ctx context.Context, w io.Writer, sizes benchSizes) (_ []figure, err error) {
	b, err := newBench(ctx, sizes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	figures, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.describe(ctx, w); err != nil {
		return nil, err
	}
	for _, take := range []func(context.Context) ([]figure, error){b.verify, b.grow, b.refer, b.link} {
		more, err := take(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// figure is a line of the table.
type figure struct {
	what   string
	value  float64
	budget float64 // the most that value may be; noBudget for what is only told
}

const (
	noBudget   = -1
	overBudget = "over"
)

func (f figure) verdict() string {
	switch {
	case f.budget == noBudget:
		return "-"
	case f.value > f.budget:
		return overBudget
	}
	return "ok"
}

func printFigures(w io.Writer, figures []figure) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\tfigure\tbudget\tverdict")
	for _, f := range figures {
		budget := "-"
		if f.budget != noBudget {
			budget = fmt.Sprintf("%.4g", f.budget)
		}
		fmt.Fprintf(table, "%s\t%.3f\t%s\t%s\n", f.what, f.value, budget, f.verdict())
	}
	return table.Flush()
}
