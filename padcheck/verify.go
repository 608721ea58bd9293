// Package padcheck verifies kernel modules: it dry-runs their load with the
// kernel linker's own rules and says what would go wrong, and why.
package padcheck

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelf"
	"github.com/kmodpad/kmodpad/padcheck/loader/linkelfobj"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
)

// Loaders are the kernel linkers that kmodpad knows, in the order in which they
// are asked whether they take a file.
var Loaders = []loader.Loader{linkelf.Loader{}, linkelfobj.Loader{}}

// LoaderFor finds the loader of a file.
func LoaderFor(f *object.File) (loader.Loader, error) {
	for _, l := range Loaders {
		if l.Accepts(f) {
			return l, nil
		}
	}
	return nil, &object.FormatError{Path: f.Path, What: fmt.Sprintf("%v is no kernel module", f.Type)}
}

// Values of Options.KLD besides the name of a file.
const (
	// AutoKLD takes NAME.kld beside NAME.ko, if it is there and fits.
	AutoKLD = "auto"
	// NoKLD does without.
	NoKLD = "none"
)

// Options say how modules are verified. The zero value is the newest kernel
// profile, with references traced back to NAME.kld beside NAME.ko.
type Options struct {
	// Profile is the release of the kernel: 12.1, 13.0, 14.0, 15.0, or a bare
	// major number for the newest of a series.
	Profile string
	// KLD is the output of link stage 1, or AutoKLD (which the empty string
	// means too), or NoKLD.
	KLD string
	// Kernel is a kernel file or a list of its symbols; without one, every
	// symbol that no module defines is taken to exist.
	Kernel string
	// With are modules that are loaded before each of the files.
	With []string
	// At says where things are; zero values mean the architecture's usual
	// places.
	At loader.Addresses
	// Extra are symbols known besides the kernel's; others are still taken to
	// exist.
	Extra *loader.Symbols
}

// Session is a kernel configuration that files are loaded into, each file into
// a fresh kernel.
type Session struct {
	Profile *profile.Profile
	opt     Options
	symbols *loader.Symbols
}

// NewSession reads what the options name.
func NewSession(opt Options) (*Session, error) {
	p, err := profile.Parse(opt.Profile)
	if err != nil {
		return nil, err
	}
	s := &Session{Profile: p, opt: opt}
	if opt.Kernel != "" {
		if s.symbols, err = loader.ReadSymbols(opt.Kernel); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Boot makes a kernel of a file's architecture and loads the modules of
// Options.With into it.
func (s *Session) Boot(f *object.File) (*loader.Kernel, error) {
	if k := s.symbols; k != nil && k.Arch != nil && k.Arch != f.Arch {
		return nil, fmt.Errorf("%s: a module for %s, but %s is a kernel for %s", f.Path, f.Arch, s.opt.Kernel, k.Arch)
	}
	k := loader.NewKernel(f.Arch, s.Profile, s.opt.At)
	k.Symbols, k.Extra = s.symbols, s.opt.Extra
	for _, path := range s.opt.With {
		if _, err := s.load(k, path); err != nil {
			k.Close()
			return nil, err
		}
	}
	return k, nil
}

// load opens a file and loads it into a kernel. The file stays open: other
// modules may look up symbols in it.
func (s *Session) load(k *loader.Kernel, path string) (*loader.Module, error) {
	f, err := object.Open(path)
	if err != nil {
		return nil, err
	}
	return s.Load(k, f)
}

// Load loads a file into a kernel.
func (s *Session) Load(k *loader.Kernel, f *object.File) (*loader.Module, error) {
	if f.Arch != k.Arch {
		return nil, fmt.Errorf("%s: a module for %s cannot be loaded into a kernel for %s", f.Path, f.Arch, k.Arch)
	}
	for _, m := range k.Modules {
		if same(m.File.Path, f.Path) {
			return nil, fmt.Errorf("%s: given twice; the kernel says that it is already loaded", f.Path)
		}
	}
	l, err := LoaderFor(f)
	if err != nil {
		return nil, err
	}
	m, err := l.Load(k, f)
	if err != nil {
		return nil, err
	}
	if name, other := sharedVariable(k, m); name != "" {
		return nil, fmt.Errorf("%s: it defines %s, and so does %s; each would use its own, and a third module either", f.Path, name, other)
	}
	return m, nil
}

// same says whether two paths name one file.
func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	sa, err1 := os.Stat(a)
	sb, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(sa, sb)
}

// Verify dry-runs the load of each file into a kernel of its own. Files that
// cannot be read are errors, joined, one a line; the report covers the others.
func Verify(ctx context.Context, files []string, opt Options) (*Report, error) {
	s, err := NewSession(opt)
	if err != nil {
		return nil, err
	}
	var modules []*Module
	err = s.VerifyEach(ctx, files, func(m *Module) error {
		modules = append(modules, m)
		return nil
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return newReport(s.Profile, modules), err
}

// VerifyEach verifies files, several at a time, and hands each one's report to
// emit in the order of the files, so that no more of them are in memory than
// are being worked on. Files that cannot be read are errors, joined, one a
// line; an error of emit ends the run.
func (s *Session) VerifyEach(ctx context.Context, files []string, emit func(*Module) error) error {
	type result struct {
		module *Module
		err    error
	}
	workers := runtime.GOMAXPROCS(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Each file has a channel for its result; the queue of channels keeps the
	// order, and its length bounds how far ahead anybody works.
	queue := make(chan chan result, 4*workers)
	g := errgroup.Group{}
	g.SetLimit(workers)
	go func() {
		defer close(queue)
		for _, path := range files {
			done := make(chan result, 1)
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			g.Go(func() error {
				m, err := s.VerifyFile(path)
				done <- result{m, err}
				return nil
			})
		}
	}()
	var errs []error
	for done := range queue {
		r := <-done
		if ctx.Err() != nil {
			continue // let those that have begun come to an end
		}
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		if err := emit(r.module); err != nil {
			errs = append(errs, err)
			cancel()
		}
	}
	return errors.Join(errs...)
}

// VerifyFile dry-runs the load of one file into a fresh kernel.
func (s *Session) VerifyFile(path string) (*Module, error) {
	f, err := object.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := s.Boot(f)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	m, err := s.Load(k, f)
	if err != nil {
		return nil, err
	}
	return s.Check(k, m)
}

// Check applies the rules to a module that was loaded.
func (s *Session) Check(k *loader.Kernel, m *loader.Module) (*Module, error) {
	c := newChecker(k, m)
	kld, err := s.openKLD(c)
	if err != nil {
		return nil, err
	}
	if kld != nil {
		defer kld.Close()
	}
	if err := c.check(kld); err != nil {
		return nil, err
	}
	return c.out, nil
}

// openKLD opens the output of stage 1 that a module was linked from; nil when
// there is none.
func (s *Session) openKLD(c *checker) (*object.File, error) {
	if c.m.File.Type == elf.ET_REL { // it carries its own references
		return nil, nil
	}
	path := s.opt.KLD
	switch path {
	case NoKLD:
		return nil, nil
	case "", AutoKLD:
		path = strings.TrimSuffix(c.m.File.Path, ".ko") + ".kld"
		if _, err := os.Stat(path); err != nil {
			return nil, nil
		}
		f, err := object.Open(path)
		if err == nil {
			if why := c.misfit(f); why != "" {
				f.Close()
				err = errors.New(path + ": " + why)
			}
		}
		if err != nil {
			c.note("%v; references are not traced back", err)
			return nil, nil
		}
		return f, nil
	}
	f, err := object.Open(path)
	if err != nil {
		return nil, err
	}
	if why := c.misfit(f); why != "" {
		f.Close()
		return nil, &object.FormatError{Path: path, What: why}
	}
	return f, nil
}

func newReport(p *profile.Profile, modules []*Module) *Report {
	r := &Report{Schema: Schema, Profile: p.Name(), Modules: []*Module{}}
	for _, m := range modules {
		r.Modules = append(r.Modules, m)
		r.Summary.add(m)
	}
	return r
}
