package develop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// bench is where figures are taken: a folder with modules, and programs.
type bench struct {
	benchSizes
	dir   string
	tools kmodmk.Tools
	// lld is the newest ld.lld, bfd the GNU ld that knows i386 best, if there
	// is one.
	lld, bfd                  kmodmk.Linker
	readelf, padcheck, launch string
	// rows are the modules that were built.
	rows []*kmodmk.Row
}

// errMissing says which tools are not installed.
var errMissing = errors.New("not installed; \"go tool mage setup\" installs what is missing")

// newBench looks for the tools and makes the folder.
func newBench(ctx context.Context, sizes benchSizes) (*bench, error) {
	found, err := toolchains.Find(ctx, os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	b := &bench{benchSizes: sizes, tools: magetarget.Tools(found)}
	linkers := slices.Clone(b.tools["i386"].Linkers)
	slices.Reverse(linkers) // newest first
	for _, l := range linkers {
		switch {
		case l.Kind == string(toolchains.LLD):
			b.lld = cmp.Or(b.lld.Path, l.Path)
		}
	}
	return b, nil
}
