// Package script writes the linker script that one module needs, for the builds
// that the plugins are part of.
package script

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/templates"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Files are what Write makes.
type Files struct {
	// Script is the linker script for link stage 1.
	Script string
	// Guards is an object to link in stage 1 beside the module's own. Scripts
	// whose sets need no guard come without.
	Guards string
	// Max is the padding that a side of a set may be given, in bytes; zero is
	// kmodmk.DefaultMax.
	Max uint64
}

// Write measures a module that was linked with the script of the strategy
// constraint; kld is the output of its stage 1. If that was not enough, it
// writes the files for a second link, and else removes those that are left of
// an earlier one. It says whether there is anything to link again.
func Write(fsys afero.Fs, kld string, to Files) (bool, error) {
	padding, a, err := need(kld, cmp.Or(to.Max, kmodmk.DefaultMax))
	if err != nil {
		return false, err
	}
	var text, guards []byte
	if padding != nil {
		if text, err = padding.Script(a).Render(); err != nil {
			return false, err
		}
		guards = padding.GuardObject(a)
	}
	// The script comes last: with it the second link begins.
	return padding != nil, errors.Join(put(fsys, to.Guards, guards), put(fsys, to.Script, text))
}

// need is the padding that a module needs beyond its first link, nil when that
// will do.
func need(kld string, limit uint64) (*ldscripts.Padding, *arch.Arch, error) {
	f, err := object.Open(kld)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	measured, err := padcheck.Measure([]string{kld})
	if err != nil {
		return nil, nil, err
	}
	m := measured.Files[0]
	a, err := arch.ByName(m.Arch)
	if err != nil {
		return nil, nil, err
	}
	if len(m.Sets) == 0 || ldscripts.Constraint.For(a) == ldscripts.None {
		return nil, a, nil
	}

	again := false
	p := &ldscripts.Padding{Flags: f.Flags}
	for _, s := range m.Sets {
		one := ldscripts.SetPadding{Name: s.Set, Before: s.Before, After: s.After}
		one.ReadOnly = f.Section(s.Set).Flags&elf.SHF_WRITE == 0
		again = again || one.Before > 0 || one.After > 0 || one.ReadOnly
		if !one.ReadOnly {
			one.After += ldscripts.SentinelSize // which are there already, and count as the set's own
		}
		one.After = max(one.After, ldscripts.SentinelSize)
		if one.Before > limit || one.After > limit {
			return nil, nil, fmt.Errorf("%s: %s needs %d+%d bytes of padding in every instance, and a side may have %d: change the index expression so that it stays near the array, or raise --max", kld, s.Set, one.Before, one.After, limit)
		}
		p.Sets = append(p.Sets, one)
	}
	for _, o := range m.Other {
		p.GuardBefore = max(p.GuardBefore, width(o.Above, limit))
		p.GuardAfter = max(p.GuardAfter, width(o.Below, limit))
	}
	if !again && !p.Guarded() {
		return nil, a, nil
	}
	return p, a, nil
}

// width is the width of a guard against references that go so far. None is as
// wide as those ask for that go beyond the limit; hardly one lands in a set.
func width(overshoot, limit uint64) uint64 {
	if overshoot > limit {
		return 0
	}
	return (overshoot + 3) &^ 3
}

// put writes a file, or removes it when there is nothing to write.
func put(fsys afero.Fs, name string, data []byte) error {
	switch {
	case name == "" && data != nil:
		return errors.New("the module needs guards: name a file for them with --guards")
	case name == "":
		return nil
	case data != nil:
		return write(fsys, name, data)
	}
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func write(fsys afero.Fs, name string, data []byte) error {
	_, err := templates.Write(fsys, name, data)
	return err
}
