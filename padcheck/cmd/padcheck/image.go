package main

import (
	"os"
	"path/filepath"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// writeImage writes a module's map, and the templates of its sets if asked.
func writeImage(m *loader.Module, path string, templates bool) error {
	if err := writeFile(path, m.Memory[0].Data); err != nil {
		return err
	}
	if !templates {
		return nil
	}
	for _, s := range m.Sets {
		if err := writeFile(path+"."+s.Name, s.Template); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file under a temporary name and renames it, so that
// nobody finds half of it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
