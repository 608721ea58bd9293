package script

import (
	"github.com/spf13/afero"
	"github.com/spf13/cobra"
)

// New is the subcommand of padcheck that the plugins call after the first link,
// when there is one.
func New() *cobra.Command {
	var to Files
	cmd := &cobra.Command{
		Use:   "script [flags] -o FILE.ldscript FILE.kld",
		Short: "Write the linker script that a module needs",
		Long: `Measure the output of link stage 1 as it is with the script of strategy
constraint. If the module needs more padding than that, write a linker script for
it, and an object of guards if there are any to link beside the module's own;
stage 1 is then to be linked again with them. If it does not, remove both files.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := Write(afero.NewOsFs(), args[0], to)
			return err
		},
	}
	cmd.Flags().StringVarP(&to.Script, "output", "o", "", "linker script to write (`file`)")
	cmd.Flags().StringVar(&to.Guards, "guards", "", "object of guards to write (`file`)")
	cmd.Flags().Uint64Var(&to.Max, "max", 0, "`bytes` of padding that a side of a set may be given")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // there is such a flag
	}
	return cmd
}
