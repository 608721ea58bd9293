package templates

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/afero"
)

// Write puts a generated file in its place, folders included. It appears whole
// or not at all, and a file that holds these bytes already is not touched, so
// that nothing that depends on it is made again. It says whether it wrote.
func Write(fsys afero.Fs, name string, data []byte) (bool, error) {
	old, err := afero.ReadFile(fsys, name)
	if err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := fsys.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, err
	}
	tmp, err := afero.TempFile(fsys, filepath.Dir(name), ".tmp-*")
	if err != nil {
		return false, err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = fsys.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = fsys.Rename(tmp.Name(), name)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("writing %s: %w", name, err), fsys.Remove(tmp.Name()))
	}
	return true, nil
}
