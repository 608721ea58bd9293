package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/templates"
)

// The files of a folder of results.
const (
	PlanFile   = "plan.json"
	MatrixFile = "matrix.json"
)

// Write writes all reports to a folder, each of them whole or not at all. One
// that cannot be written keeps no other from being written.
func (m *Matrix) Write(dir string, p *Plan) error {
	var errs []error
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{PlanFile, p.WriteJSON},
		{MatrixFile, m.WriteJSON},
		{"junit.xml", m.WriteJUnit},
		{"matrix.sarif", m.WriteSARIF},
		{"matrix.md", m.WriteMarkdown},
		{"readme-table.md", m.WriteFragment},
		{"index.html", m.WriteHTML},
	} {
		errs = append(errs, WriteFile(filepath.Join(dir, f.name), f.write))
	}
	return errors.Join(errs...)
}

// WriteFile makes a file of what write writes.
func WriteFile(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err := templates.Write(afero.NewOsFs(), name, b.Bytes())
	return err
}

// ReadFile reads a matrix.json, or the one in a folder of results.
func ReadFile(name string) (*Matrix, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, MatrixFile)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// ReadPlanFile reads a plan.json, or the one in a folder of results; it is nil
// when the folder has none.
func ReadPlanFile(name string) (*Plan, error) {
	folder := false
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name, folder = filepath.Join(name, PlanFile), true
	}
	f, err := os.Open(name)
	if folder && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := ReadPlan(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// MergeFolders joins the results in folders by the plan that they hold, which
// must be the same in all of them.
func MergeFolders(dirs []string) (*Matrix, *Plan, error) {
	var parts []*Matrix
	var plan *Plan
	var text []byte
	for _, dir := range dirs {
		m, err := ReadFile(dir)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, m)
		p, err := ReadPlanFile(dir)
		if err != nil {
			return nil, nil, err
		}
		if p == nil {
			return nil, nil, fmt.Errorf("%s has no %s, so that nobody can say what is missing", dir, PlanFile)
		}
		var b bytes.Buffer
		if err := p.WriteJSON(&b); err != nil {
			return nil, nil, err
		}
		if plan != nil && !bytes.Equal(text, b.Bytes()) {
			return nil, nil, fmt.Errorf("%s holds another plan than %s: run all shards with the same -plan", dir, dirs[0])
		}
		plan, text = p, b.Bytes()
	}
	if plan == nil {
		return nil, nil, errors.New("no folders to merge")
	}
	m, err := Merge(plan, parts...)
	return m, plan, err
}
