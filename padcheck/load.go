package padcheck

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
)

// SpaceUse is how full one of the instance spaces is.
type SpaceUse struct {
	Name  string    `json:"name"`
	Size  uint64    `json:"size"`
	Used  uint64    `json:"used"`
	Users []UserUse `json:"users"`
}

// UserUse is what one module holds of a space, in bytes.
type UserUse struct {
	Module string `json:"module"`
	Size   uint64 `json:"size"`
}

// ModuleFiles lists the modules (NAME.ko) below a folder, in the order of their
// names.
func ModuleFiles(fsys afero.Fs, dir string) ([]string, error) {
	var files []string
	err := afero.Walk(fsys, dir, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() && strings.HasSuffix(path, ".ko") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no modules (NAME.ko) in this folder", dir)
	}
	slices.Sort(files)
	return files, nil
}

// LoadAll loads modules into one kernel, each after those that it depends on,
// and reports on every one and on how full the spaces are.
func LoadAll(ctx context.Context, files []string, opt Options) (*Report, error) {
	s, err := NewSession(opt)
	if err != nil {
		return nil, err
	}
	opened, err := openAll(files)
	defer func() {
		for _, f := range opened {
			f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	order, err := s.order(opened)
	if err != nil {
		return nil, err
	}
	k, err := s.Boot(order[0])
	if err != nil {
		return nil, err
	}
	defer k.Close()
	var modules []*Module
	var errs []error
	for _, f := range order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := s.Load(k, f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		checked, err := s.Check(k, m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		modules = append(modules, checked)
		m.Trace = m.Trace[:0:0] // nobody asks again, and there may be many modules
	}
	r := newReport(s.Profile, modules)
	r.Spaces = spaceUse(k)
	return r, errors.Join(errs...)
}

func openAll(files []string) ([]*object.File, error) {
	var opened []*object.File
	var errs []error
	for _, path := range files {
		f, err := object.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opened = append(opened, f)
		if first := opened[0]; f.Arch != first.Arch {
			return opened, fmt.Errorf("%s: a module for %s, but %s is for %s; modules of one architecture only can be loaded together", f.Path, f.Arch, first.Path, first.Arch)
		}
	}
	return opened, errors.Join(errs...)
}

// order sorts files so that each follows those it depends on, and otherwise
// keeps their order. What a module depends on can be read only after its
// metadata has been relocated, so each is loaded into a kernel of its own for
// that.
func (s *Session) order(files []*object.File) ([]*object.File, error) {
	type node struct {
		file *object.File
		meta loader.Metadata
	}
	nodes := make([]node, len(files))
	provider := map[string]int{}
	for i, f := range files {
		k := loader.NewKernel(f.Arch, s.Profile, s.opt.At)
		m, err := s.Load(k, f)
		if err != nil {
			return nil, err
		}
		nodes[i] = node{f, m.Metadata}
		for _, v := range m.Metadata.Versions {
			if _, known := provider[v.Module]; !known {
				provider[v.Module] = i
			}
		}
	}
	const (
		visiting = 1
		done     = 2
	)
	state := make([]int, len(nodes))
	var order []*object.File
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		name := filepath.Base(nodes[i].file.Path)
		path = append(path, name)
		defer func() { path = path[:len(path)-1] }()
		if state[i] == visiting {
			return fmt.Errorf("%s: modules depend on one another in a circle: %s", nodes[i].file.Path, strings.Join(path[slices.Index(path, name):], " -> "))
		}
		if state[i] == done {
			return nil
		}
		state[i] = visiting
		for _, d := range nodes[i].meta.Depends {
			if j, ok := provider[d.Module]; ok && j != i {
				if err := visit(j); err != nil {
					return err
				}
			}
		}
		state[i] = done
		order = append(order, nodes[i].file)
		return nil
	}
	for i := range nodes {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// spaceUse says who uses how much of the spaces.
func spaceUse(k *loader.Kernel) []SpaceUse {
	var uses []SpaceUse
	for _, name := range []string{loader.SetVnet, loader.SetPcpu} {
		s := k.Space(name)
		u := SpaceUse{Name: s.Name, Size: s.Size, Users: []UserUse{}}
		for _, user := range s.Users {
			u.Used += user.Size
			u.Users = append(u.Users, UserUse{user.Module, user.Size})
		}
		uses = append(uses, u)
	}
	return uses
}

// sharedVariable finds a virtualised or per-CPU variable that two modules both
// export; it is empty when there is none. Each module would use its own, and a
// third one whichever was loaded first.
func sharedVariable(k *loader.Kernel, m *loader.Module) (name, other string) {
	mine := map[string]bool{}
	for v := range exportedVariables(m) {
		mine[v] = true
	}
	for _, o := range k.Modules {
		if o == m || len(mine) == 0 {
			continue
		}
		for v := range exportedVariables(o) {
			if mine[v] && (name == "" || v < name) {
				name, other = v, o.File.Path
			}
		}
	}
	return name, other
}

// exportedVariables yields the global symbols that lie in a module's sets.
func exportedVariables(m *loader.Module) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(m.Sets) == 0 {
			return
		}
		for i := range uint32(m.Symbols.Len) {
			sym := m.Symbols.At(i)
			if sym.Bind() != elf.STB_GLOBAL || sym.Type() != elf.STT_OBJECT {
				continue
			}
			sec := m.File.SectionAt(sym.Section)
			if sec == nil || sec.Name != loader.SetVnet && sec.Name != loader.SetPcpu {
				continue
			}
			if !yield(m.Symbols.Name(sym)) {
				return
			}
		}
	}
}
