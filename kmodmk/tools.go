package kmodmk

import (
	"path"
	"slices"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Tools are the programs there are to build with, by the architecture's name.
type Tools map[string]Toolset

// Toolset is what there is for one architecture.
type Toolset struct {
	// Compilers in order of preference, Linkers in the order of the table.
	Compilers []Compiler
	Linkers   []Linker
	// Objcopy is the path of one that knows the architecture, or empty.
	Objcopy string
}

// Tool is a program: the name that the table and the output folders show, and
// other names that it may be asked for by.
type Tool struct {
	Name, Path string
	Aliases    []string
}

// matches says whether one of the tool's names is of the pattern.
func (t Tool) matches(pattern string) bool {
	return slices.ContainsFunc(join([]string{t.Name}, t.Aliases), func(name string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// Compiler is a compiler as it is called for one architecture.
type Compiler struct {
	Tool
	// Flags choose the architecture and compile for its kernel.
	Flags []string
}

// Linker is a linker as it is called for one architecture.
type Linker struct {
	Tool
	// Kind is "ld.lld" or "ld.bfd".
	Kind string
	// Emulation is what -m calls the architecture.
	Emulation string
}

// compilers picks one compiler for each pattern, the first that matches, and
// none twice.
func (t Toolset) compilers(patterns []string) []Compiler {
	var picked []Compiler
	seen := make(map[string]bool)
	for _, p := range patterns {
		for _, c := range t.Compilers {
			if c.matches(p) {
				if !seen[c.Name] {
					seen[c.Name] = true
					picked = append(picked, c)
				}
				break
			}
		}
	}
	return picked
}

// linkers picks every linker that matches one of the patterns.
func (t Toolset) linkers(patterns []string) []Linker {
	var picked []Linker
	for _, l := range t.Linkers {
		if slices.ContainsFunc(patterns, l.matches) {
			picked = append(picked, l)
		}
	}
	return picked
}

// stageTwoFlags are the flags that the architecture's last link needs with
// this linker, beside those of every module.
func (l Linker) stageTwoFlags(a *arch.Arch) []string {
	extra := a.StageTwoBFD
	if l.Kind == "ld.lld" {
		extra = a.StageTwoLLD
	}
	return join(a.StageTwo, extra)
}
