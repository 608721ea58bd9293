package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kmodpad/kmodpad/padcheck"
)

func newMeasure() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "measure [flags] FILE.kld|FILE.o...",
		Short: "Say how much padding the references of objects need",
		Long: `Read the references of relocatable objects, say how far they leave set_vnet and
set_pcpu at either end, which of them do, and the padding that puts every one
inside; and how far the references to other sections leave those, which is how
wide a guard a set next to them needs.

The output of ld -r gives the exact answer. Of several objects any may come
first or last in the link, so that all together need the most of each.`,
		Args: some(false),
		RunE: func(cmd *cobra.Command, files []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("unknown format %q; the formats are text and json", format)
			}
			report, err := padcheck.Measure(files)
			out := bufio.NewWriter(cmd.OutOrStdout())
			var werr error
			if format == "json" {
				werr = report.WriteJSON(out)
			} else {
				werr = report.WriteText(out)
			}
			return errors.Join(err, werr, out.Flush())
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}
