package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/templates"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Options say what to generate.
type Options struct {
	// Archs are the architectures that the plugins are to know; all when empty.
	Archs []*arch.Arch
	// Force overwrites files that are there and differ.
	Force bool
}

// pages are the templates with the files that are made of them. A kind of file
// that there is one of for each architecture is not among them.
var pages = []struct{ template, file string }{
	{"kmod.padding.mk", "kmod.padding.mk"},
	{"bsd.kmod.mk", "mk/bsd.kmod.mk"},
	{"kmodpad.kmod.mk", "kmodpad.kmod.mk"},
	{"kmodpad.gnu.mk", "kmodpad.gnu.mk"},
	{"FindKmodpad.cmake", "FindKmodpad.cmake"},
}

// Generate writes the plugins into a folder, which it makes, and returns the
// names of those files that it had to change. Nothing is written if a file that
// differs is in the way and may not be overwritten. Each file appears whole or
// not at all.
func Generate(fsys afero.Fs, dir string, opt Options) ([]string, error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	files, err := render(opt.Archs)
	if err != nil {
		return nil, err
	}
	if !opt.Force {
		for _, f := range files {
			if err := checkFree(fsys, filepath.Join(dir, f.name), f.text); err != nil {
				return nil, err
			}
		}
	}
	var changed []string
	for _, f := range files {
		name := filepath.Join(dir, f.name)
		wrote, err := templates.Write(fsys, name, f.text)
		if err != nil {
			return changed, err
		}
		if wrote {
			changed = append(changed, name)
		}
	}
	return changed, nil
}

type file struct {
	name string
	text []byte
}

// render makes the files' texts, nothing of which depends on the folder.
func render(archs []*arch.Arch) ([]file, error) {
	if len(archs) == 0 {
		archs = arch.All
	}
	model, err := NewModel(archs)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, p := range pages {
		text, err := templates.Render(p.template, model)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.FromSlash(p.file), text})
	}
	for _, a := range model.Archs {
		if a.Shared {
			files = append(files, file{ldscripts.FileName + "." + a.Name, []byte(a.Script)})
		}
	}
	return files, nil
}

// checkFolder refuses a folder that no makefile could include a file of, or
// that a terminal would show as something else.
func checkFolder(dir string) error {
	switch {
	case dir == "":
		return errors.New("plugins need a folder to be written to, and its name is empty")
	case !utf8.ValidString(dir) || strings.ContainsFunc(dir, unicode.IsControl):
		return fmt.Errorf("%q: a makefile can include nothing from a folder with control characters in its name", dir)
	}
	return nil
}

// checkFree says whether a file may be written: it is not there, or the same.
func checkFree(fsys afero.Fs, name string, text []byte) error {
	old, err := afero.ReadFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case string(old) != string(text):
		return fmt.Errorf("%s is there already and differs: remove it, or use force to overwrite it", name)
	}
	return nil
}
