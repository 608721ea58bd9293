package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodpad/kmodpad/padcheck"
)

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Say what a rule means, how it fails in the kernel, and how to mend it",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range padcheck.Rules {
				ids = append(ids, r.ID+"\t"+r.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				for _, r := range padcheck.Rules {
					fmt.Fprintf(out, "%-25s %s\n", r.ID, r.Title)
				}
				return nil
			}
			r, err := padcheck.RuleByID(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: %s\n", r.ID, r.Title)
			paragraph(out, "What it means", r.Meaning)
			paragraph(out, "What the kernel does", r.Kernel)
			paragraph(out, "How to mend it", capital(r.Mend)+".")
			return nil
		},
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// paragraph prints a heading and a text in lines of at most 78 characters.
func paragraph(w io.Writer, heading, text string) {
	fmt.Fprintf(w, "\n%s\n", heading)
	line := " "
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 78 {
			fmt.Fprintln(w, line)
			line = " "
		}
		line += " " + word
	}
	fmt.Fprintln(w, line)
}
