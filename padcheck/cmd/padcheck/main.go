// Command padcheck says what a kernel would do with a module: whether it loads,
// and whether its virtualised and per-CPU variables are reached.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kmodpad/kmodpad/kmodmk/plugin/script"
)

// Exit statuses.
const (
	exitFindings = 1 // the input was understood, and something is wrong with it
	exitUnusable = 2 // the input or the command line makes no sense
)

// errFindings ends a run whose findings have been printed.
var errFindings = errors.New("findings")

func main() {
	// A run lives for a fraction of a second and drops nearly all it allocates;
	// collecting less often saves a third of its time and costs a few megabytes.
	debug.SetGCPercent(200)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFindings):
		return exitFindings
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(root.ErrOrStderr(), "padcheck: %s\n", line)
	}
	return exitUnusable
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "padcheck",
		Short: "Dry-run the load of kernel modules",
		Long: `padcheck loads FreeBSD kernel modules as the kernel's own linker would, on any
host and for any architecture, and says what would go wrong and how to mend it.

Exit status: 0 nothing is wrong, 1 there are findings of severity error,
2 the input or the command line makes no sense.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newVerify(), newLoad(), newMeasure(), script.New(), newTrace(), newImage(), newEvents(), newExplain())
	return root
}

// colored says whether to colour what goes to standard output: on a terminal,
// unless NO_COLOR is set (https://no-color.org) or the terminal is dumb.
func colored() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stdout.Fd()))
}

// some wants at least one file, and one only if single.
func some(single bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("%s: which file? See %s -h", cmd.Name(), cmd.CommandPath())
		case single && len(args) > 1:
			return fmt.Errorf("%s: one file at a time, and %d are given", cmd.Name(), len(args))
		}
		return nil
	}
}
