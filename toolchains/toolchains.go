// Package toolchains finds the compilers, linkers and tools that can build
// FreeBSD kernel modules on this machine, and can install more of them.
//
// Nothing is concluded from a name or a version. A program is asked what it is
// and what it can do: a linker, which emulations it takes; a compiler, to
// compile a line of C for every architecture with the very flags that modules
// are compiled with; objcopy, to copy an object of every architecture. What
// hangs, crashes or talks nonsense is left out, with the reason kept.
package toolchains

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Kind is the family a compiler or linker belongs to, which decides how it is
// called.
type Kind string

// The kinds of compilers and linkers, in the order they are listed.
const (
	Clang Kind = "clang"
	GCC   Kind = "gcc"
	LLD   Kind = "ld.lld"
	BFD   Kind = "ld.bfd" // GNU ld
)

// kinds gives the order in which things are listed.
var kinds = []Kind{Clang, GCC, LLD, BFD}

// Program is what is known of every program found.
type Program struct {
	// Name is the most specific of the names that the program has on PATH:
	// x86_64-linux-gnu-gcc-12 rather than gcc.
	Name string
	// Path is where that name is. Links in it are not resolved, because some
	// programs ask by what name they were called.
	Path string
	// Aliases are the other names of the same program, sorted.
	Aliases []string
	// Version is what the program says of itself: 19.1.7, 2.40, ...
	Version string
}

// Toolchains is everything found on PATH that is of use, each list in a stable
// order: by kind, then by name with numbers in numeric order.
type Toolchains struct {
	Compilers []Compiler
	Linkers   []Linker
	Objcopies []Objcopy
	// Emulators are the user mode emulators of QEMU.
	Emulators []Program
	// Rejected are the programs that have the right name and are of no use.
	Rejected []Rejected
}

// Rejected is a program that was left out.
type Rejected struct{ Name, Path, Reason string }

// patience is how long a program may take to answer one question.
const patience = 10 * time.Second

// Find looks through the folders of path, a list as in the environment variable
// PATH, and asks every program there that is named like a compiler, a linker or
// an objcopy what it can do. Versioned names are found as well (clang-19,
// clang19, i686-linux-gnu-ld.bfd), and programs with several names are listed
// once. Finding nothing is no error; the only error is that of an ended ctx.
func Find(ctx context.Context, path string) (*Toolchains, error) {
	return find(ctx, path, patience)
}

func find(ctx context.Context, path string, patience time.Duration) (*Toolchains, error) {
	ask := asker{patience: patience}
	candidates := scan(path)

	// What is each of them? One program may stand there under many names, so
	// this question is cheap, and the expensive ones come after the duplicates
	// are gone.
	answers := make([]identity, len(candidates))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, c := range candidates {
		group.Go(func() error {
			answers[i] = c.role.identify(groupCtx, ask, c)
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("looking for toolchains: %w", err)
	}
	t := &Toolchains{}
	programs := unify(answers, &t.Rejected)

	// What can each of them do?
	abilities := make([][]string, len(programs))
	reasons := make([]error, len(programs))
	group, groupCtx = errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, p := range programs {
		group.Go(func() error {
			abilities[i], reasons[i] = p.role.probe(groupCtx, ask, p)
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("looking for toolchains: %w", err)
	}
	for i, p := range programs {
		if reasons[i] != nil {
			t.Rejected = append(t.Rejected, Rejected{p.Name, p.Path, reasons[i].Error()})
			continue
		}
		p.role.add(t, p, abilities[i])
	}
	t.sort()
	return t, nil
}

func (t *Toolchains) sort() {
	slices.SortFunc(t.Compilers, func(a, b Compiler) int { return compareKindName(a.Kind, b.Kind, a.Name, b.Name) })
	slices.SortFunc(t.Linkers, func(a, b Linker) int { return compareKindName(a.Kind, b.Kind, a.Name, b.Name) })
	slices.SortFunc(t.Objcopies, func(a, b Objcopy) int { return compareNames(a.Name, b.Name) })
	slices.SortFunc(t.Emulators, func(a, b Program) int { return compareNames(a.Name, b.Name) })
	slices.SortFunc(t.Rejected, func(a, b Rejected) int { return compareNames(a.Name, b.Name) })
}

func compareKindName(kindA, kindB Kind, a, b string) int {
	if d := slices.Index(kinds, kindA) - slices.Index(kinds, kindB); d != 0 {
		return d
	}
	return compareNames(a, b)
}

// CompilersFor lists the compilers that can target an architecture.
func (t *Toolchains) CompilersFor(a *arch.Arch) []Compiler {
	var list []Compiler
	for _, c := range t.Compilers {
		if _, ok := c.Flags(a); ok {
			list = append(list, c)
		}
	}
	return list
}

// LinkersFor lists the linkers that have an emulation for an architecture.
func (t *Toolchains) LinkersFor(a *arch.Arch) []Linker {
	var list []Linker
	for _, l := range t.Linkers {
		if _, ok := l.Emulation(a); ok {
			list = append(list, l)
		}
	}
	return list
}

// QEMU finds the user mode emulator that runs programs of an architecture. It
// is false when there is none on PATH.
func (t *Toolchains) QEMU(a *arch.Arch) (path string, ok bool) {
	if a.QEMU == "" {
		return "", false
	}
	for _, name := range []string{a.QEMU, a.QEMU + "-static"} {
		for _, e := range t.Emulators {
			if e.Name == name || slices.Contains(e.Aliases, name) {
				return e.Path, true
			}
		}
	}
	return "", false
}
