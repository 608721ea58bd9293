package plugin

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/magefile/mage/mg"
	"github.com/spf13/afero"
)

// DefaultFolder is where the mage target writes the plugins.
const DefaultFolder = "kmodpad"

// Plugin writes the build-system plugins into the folder kmodpad, or that given with -dir; -force overwrites files that differ.
//
// It is meant to be one line of a mage target:
//
//	func (Kmod) Plugin(ctx context.Context, dir *string, force *bool) error {
//		return plugin.Plugin(ctx, os.Stdout, dir, force)
//	}
func Plugin(_ context.Context, out io.Writer, dir *string, force *bool) error {
	folder := DefaultFolder
	if dir != nil {
		folder = *dir
	}
	changed, err := Generate(afero.NewOsFs(), folder, Options{Force: force != nil && *force})
	for _, name := range changed {
		fmt.Fprintln(out, "wrote", name)
	}
	if err != nil {
		return mg.Fatal(2, err)
	}
	if len(changed) == 0 {
		fmt.Fprintf(out, "%s%c: nothing to change\n", folder, os.PathSeparator)
	}
	return nil
}
