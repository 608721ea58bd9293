package main

import (
	"bufio"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kmodpad/kmodpad/padcheck"
)

func newEvents() *cobra.Command {
	var opt padcheck.Options
	var format string
	cmd := &cobra.Command{
		Use:   "events [flags] FILE",
		Short: "Print what of a module runs, and in which order",
		Long: `Print what of a module runs, and in which order: when it is loaded, when a
network stack (vnet) is created and destroyed, when it is unloaded, and when the
machine is shut down. It is read from the module itself: its SYSINITs and
SYSUNINITs, the constructors and destructors of vnets among them, and its event
handlers.`,
		Args: some(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(padcheck.EventFormats, format) {
				return fmt.Errorf("unknown format %q; the formats are text and json", format)
			}
			k, m, err := new(placement).load(opt, args[0])
			if err != nil {
				return err
			}
			events, err := padcheck.NewEvents(k, m)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			return errors.Join(events.Write(out, format), out.Flush())
		},
	}
	kernelFlags(cmd, &opt)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}
