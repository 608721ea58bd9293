package ldscripts

import (
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/templates"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// FileName is the name of the generated scripts; those of one strategy have
// its name as suffix.
const FileName = "ldscript.set_padding"

// Generate writes the scripts of every architecture that needs some below
// root, and returns the names of those files that it had to change.
func Generate(fsys afero.Fs, root string) ([]string, error) {
	var changed []string
	write := func(name string, text []byte) error {
		wrote, err := templates.Write(fsys, name, text)
		if wrote {
			changed = append(changed, name)
		}
		return err
	}
	for _, a := range arch.All {
		for _, s := range Strategies {
			text, err := Bytes(a, s)
			if err != nil {
				return changed, err
			}
			if text == nil {
				continue
			}
			base := filepath.Join(root, a.Name, FileName)
			if err := write(base+"."+string(s), text); err != nil {
				return changed, err
			}
			if s == Default {
				if err := write(base, text); err != nil {
					return changed, err
				}
			}
		}
	}
	return changed, nil
}
