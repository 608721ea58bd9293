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
			if s.First(a) != s {
				continue // it has none of its own
			}
			for _, script := range Scripts(a, s) {
				text, err := script.Render()
				if err != nil {
					return changed, err
				}
				folder := filepath.Join(root, a.Name)
				if err := write(filepath.Join(folder, script.FileName()), text); err != nil {
					return changed, err
				}
				if s == Constraint {
					if err := write(filepath.Join(folder, FileName), text); err != nil {
						return changed, err
					}
				}
			}
		}
	}
	return changed, nil
}
