// Package newmod writes a virtualised kernel module to begin with: a C source
// that does everything a module with network stacks of its own has to do, a
// Makefile, a kmod.yaml, and the headers it takes to build and verify it where
// there is no FreeBSD tree.
package newmod

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk/plugin"
	"github.com/kmodpad/kmodpad/templates"
)

// Options say what the module is to have.
type Options struct {
	// Name is the module's name and the beginning of every name in it.
	Name string
	// Domain makes it a protocol module, with a domain(9) of its own.
	Domain bool
	// Pcpu adds statistics that each CPU counts by itself.
	Pcpu bool
	// Minimal leaves out what a module can do without: sysctls, and a lock
	// with its SYSINIT and SYSUNINIT.
	Minimal bool
	// Depends are the modules it needs, for MODULE_DEPEND.
	Depends []string
	// Sysdir is the sys folder of a FreeBSD tree, or the tree, whose headers
	// are used. It is empty to get the small stand-ins beside the source.
	Sysdir string
	// Force overwrites files.
	Force bool
}

// module is the data of the templates.
type module struct {
	Options
	Archs, Includes, Exports []string
	// Plugin is the folder of the build-system plugins.
	Plugin string
}

// archs are what kmod.yaml builds for. The bug that padding cures is at home on
// i386, the others are what most kernels run on.
var archs = []string{"aarch64", "amd64", "i386"}

// file is a file to be written, or a symbolic link to be made.
type file struct {
	path string
	data []byte
	link string
}

// New writes the module to a folder, which it makes. It returns the paths of
// what the module consists of. The plugin that the Makefile includes is package
// plugin's to write, to its folder below this one. Nothing is written when any file is there
// already with other contents, unless Force is set; each file appears whole or
// not at all.
func New(fsys afero.Fs, dir string, opt Options) ([]string, error) {
	files, err := contents(fsys, opt)
	if err != nil {
		return nil, err
	}
	if !opt.Force {
		for _, f := range files {
			if err := absent(fsys, filepath.Join(dir, f.path), f); err != nil {
				return nil, err
			}
		}
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		if f.link != "" {
			err = symlink(fsys, f.link, path)
		} else {
			_, err = templates.Write(fsys, path, f.data)
		}
		if err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// contents are the module's files. kmod.yaml is the last, so that a module that
// was not written to its end cannot be built.
func contents(fsys afero.Fs, opt Options) ([]file, error) {
	if err := checkName(opt.Name); err != nil {
		return nil, err
	}
	for _, d := range opt.Depends {
		if !identifier.MatchString(d) || d == opt.Name {
			return nil, fmt.Errorf("%q is no module that %s can depend on: names are like C's, letters, digits and _", d, opt.Name)
		}
	}
	m := module{
		Options: opt, Archs: archs, Includes: []string{"include"}, Plugin: plugin.DefaultFolder,
		Exports: []string{opt.Name + "_open", opt.Name + "_close"},
	}
	var links []file
	if opt.Sysdir != "" {
		var err error
		if m.Sysdir, err = findSysdir(fsys, opt.Sysdir); err != nil {
			return nil, err
		}
		if links, err = machineLinks(fsys, m.Sysdir, m.Archs); err != nil {
			return nil, err
		}
		m.Includes = []string{m.Sysdir, m.Sysdir + "/contrib/ck/include"}
	}
	source, err := templates.Render("newmod.c", m)
	if err != nil {
		return nil, err
	}
	files := append([]file{{path: opt.Name + ".c", data: source}}, links...)
	if opt.Sysdir == "" {
		headers, err := headersOf(source)
		if err != nil {
			return nil, err
		}
		files = append(files, headers...)
	}
	for _, name := range []string{"Makefile", "kmod.yaml"} {
		text, err := templates.Render("newmod."+name, m)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: name, data: text})
	}
	return files, nil
}

// absent fails when a file is there that would be overwritten.
func absent(fsys afero.Fs, path string, f file) error {
	if f.link != "" {
		target, err := readlink(fsys, path)
		if err == nil && target == f.link || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return exists(path)
	}
	// What is no file, as a link that leads nowhere, is not opened at all.
	if l, ok := fsys.(afero.Lstater); ok {
		if info, _, err := l.LstatIfPossible(path); err == nil && !info.Mode().IsRegular() {
			return exists(path)
		}
	}
	old, err := afero.ReadFile(fsys, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && string(old) == string(f.data):
		return nil
	}
	return exists(path)
}

func exists(path string) error {
	return fmt.Errorf("%s: is there already: choose another name, or overwrite it with -force", path)
}
