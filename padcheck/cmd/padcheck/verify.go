package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"github.com/kmodpad/kmodpad/padcheck"
)

// kernelFlags are the flags of every subcommand that loads modules.
func kernelFlags(cmd *cobra.Command, opt *padcheck.Options) {
	f := cmd.Flags()
	f.StringVar(&opt.Profile, "profile", "", "kernel `release`: 12.1, 13.0, 14.0, 15.0, or a bare 12 for the newest of a series (default the newest)")
	f.StringVar(&opt.Kernel, "kernel", "", "kernel `file`, or its symbols as nm prints them; without it every symbol that no module defines is taken to exist")
	f.StringArrayVar(&opt.With, "with", nil, "module `file` to load first (may be given again, in order)")
}

func newVerify() *cobra.Command {
	var opt padcheck.Options
	var format string
	cmd := &cobra.Command{
		Use:   "verify [flags] FILE...",
		Short: "Say whether modules load and reach their instances",
		Args:  some(false),
		RunE: func(cmd *cobra.Command, files []string) error {
			if !slices.Contains(padcheck.Formats, format) {
				return fmt.Errorf("unknown format %q; the formats are %v", format, padcheck.Formats)
			}
			if opt.KLD != padcheck.AutoKLD && opt.KLD != padcheck.NoKLD && len(files) > 1 {
				return fmt.Errorf("--kld %s belongs to one module, and %d are given; use --kld auto", opt.KLD, len(files))
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			sum, err := padcheck.VerifyTo(cmd.Context(), out, format, colored(), files, opt)
			err = errors.Join(err, out.Flush())
			if err == nil && sum.Errors > 0 {
				return errFindings
			}
			return err
		},
	}
	kernelFlags(cmd, &opt)
	cmd.Flags().StringVar(&opt.KLD, "kld", padcheck.AutoKLD, "output of link stage 1 (`file`), to trace references back to their symbols; auto takes NAME.kld beside NAME.ko, none does without")
	cmd.Flags().StringVar(&format, "format", "text", "text, json, sarif or junit")
	return cmd
}

// conclude prints a report and turns it into an exit status. Files that could
// not be read weigh more than findings.
func conclude(cmd *cobra.Command, report *padcheck.Report, err error, format string) error {
	if report == nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := errors.Join(report.Write(out, format, colored()), out.Flush()); err != nil {
		return err
	}
	if err == nil && report.Summary.Errors > 0 {
		return errFindings
	}
	return err
}

func newLoad() *cobra.Command {
	var opt padcheck.Options
	var format string
	cmd := &cobra.Command{
		Use:   "load [flags] DIR|FILE...",
		Short: "Load a whole folder of modules into one kernel",
		Long: `Load modules into one kernel, each after those that it depends on
(MODULE_DEPEND), and report on every one, and on how full the instance spaces
are that all modules share.`,
		Args: some(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(padcheck.Formats, format) {
				return fmt.Errorf("unknown format %q; the formats are %v", format, padcheck.Formats)
			}
			var files []string
			for _, arg := range args {
				if st, err := os.Stat(arg); err != nil || !st.IsDir() {
					files = append(files, arg)
					continue
				}
				found, err := padcheck.ModuleFiles(afero.NewOsFs(), arg)
				if err != nil {
					return err
				}
				files = append(files, found...)
			}
			report, err := padcheck.LoadAll(cmd.Context(), files, opt)
			return conclude(cmd, report, err, format)
		},
	}
	kernelFlags(cmd, &opt)
	cmd.Flags().StringVar(&format, "format", "text", "text, json, sarif or junit")
	return cmd
}
