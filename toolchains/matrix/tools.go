package matrix

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Tools are the programs of this machine, by the names that the matrix calls
// them by.
type Tools struct {
	archs map[string]*archTools
	// Versions are what the programs say of themselves, by the matrix's names.
	versions map[string]string
}

// archTools are the programs for one architecture.
type archTools struct {
	arch      *arch.Arch
	compilers []compiler
	linkers   []linker
	objcopy   string
}

// tool is what a pattern is matched with: the name in the matrix, and the names
// of the file.
type tool struct {
	label string
	files []string
}

type compiler struct {
	tool
	path  string
	kind  toolchains.Kind
	flags []string
}

type linker struct {
	tool
	path      string
	kind      toolchains.Kind
	emulation string
}

// NewTools sorts what was found on a machine. Of several programs of one kind
// and version it takes the one that was made for the architecture, so that every
// name stands for one program.
func NewTools(found *toolchains.Toolchains) *Tools {
	t := &Tools{archs: make(map[string]*archTools), versions: make(map[string]string)}
	for _, a := range arch.All {
		at := &archTools{arch: a}
		compilers := slices.Clone(found.CompilersFor(a))
		slices.SortStableFunc(compilers, func(x, y toolchains.Compiler) int { return cmp.Compare(rank(a, x.Program), rank(a, y.Program)) })
		for _, c := range compilers {
			flags, _ := c.Flags(a)
			label := string(c.Kind) + "-" + major(c.Version)
			at.compilers = append(at.compilers, compiler{newTool(label, c.Program), c.Path, c.Kind, flags})
			t.versions[label] = c.Version
		}
		linkers := slices.Clone(found.LinkersFor(a))
		slices.SortStableFunc(linkers, func(x, y toolchains.Linker) int { return cmp.Compare(rank(a, x.Program), rank(a, y.Program)) })
		for _, l := range linkers {
			emulation, _ := l.Emulation(a)
			label := string(l.Kind) + "-" + major(l.Version)
			if l.Kind == toolchains.BFD {
				label = string(l.Kind) + "-" + l.Version
			}
			at.linkers = append(at.linkers, linker{newTool(label, l.Program), l.Path, l.Kind, emulation})
			t.versions[label] = l.Version
		}
		if o, ok := found.Objcopy(a); ok {
			at.objcopy = o.Path
		}
		t.archs[a.Name] = at
	}
	return t
}

func newTool(label string, p toolchains.Program) tool {
	return tool{label, append([]string{p.Name}, p.Aliases...)}
}

// rank says how good a program is for an architecture: those made for it come
// first, less is better.
func rank(a *arch.Arch, p toolchains.Program) int {
	for i, prefix := range a.GNUPrefixes {
		if slices.ContainsFunc(append([]string{p.Name}, p.Aliases...), func(n string) bool { return strings.HasPrefix(n, prefix+"-") }) {
			return i
		}
	}
	return len(a.GNUPrefixes)
}

func major(version string) string {
	m, _, _ := strings.Cut(version, ".")
	return m
}

func (t *archTools) compilerTools() []tool {
	list := make([]tool, len(t.compilers))
	for i, c := range t.compilers {
		list[i] = c.tool
	}
	return list
}

func (t *archTools) linkerTools() []tool {
	list := make([]tool, len(t.linkers))
	for i, l := range t.linkers {
		list[i] = l.tool
	}
	return list
}

// names lists the names in the matrix of all programs for some architecture
// that the patterns pick, in the order of the patterns and then of versions. A
// program that only its file's name was picked by goes by that.
func (t *Tools) names(archs, patterns []string, of func(*archTools) []tool, absent *[]string) []string {
	var names []string
	for _, p := range patterns {
		var picked []string
		for _, a := range archs {
			at := t.archs[a]
			list := of(at)
			byLabel := false
			for _, tl := range list {
				if ok, _ := path.Match(p, tl.label); ok {
					picked, byLabel = append(picked, tl.label), true
				}
			}
			if byLabel {
				continue
			}
			for _, tl := range list {
				for _, f := range tl.files {
					if ok, _ := path.Match(p, f); ok {
						picked = append(picked, f)
						break
					}
				}
			}
		}
		if picked == nil {
			*absent = append(*absent, p)
		}
		slices.SortFunc(picked, compareNumbers)
		for _, n := range picked {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// compareNumbers orders names by length first, which is right for clang-9 and
// clang-19 and gives a stable order to all others.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func (t tool) called(name string) bool { return t.label == name || slices.Contains(t.files, name) }

// compiler finds a compiler for an architecture by its name in the matrix.
func (t *Tools) compiler(a, name string) (compiler, bool) {
	for _, c := range t.archs[a].compilers {
		if c.called(name) {
			return c, true
		}
	}
	return compiler{}, false
}

func (t *Tools) linker(a, name string) (linker, bool) {
	for _, l := range t.archs[a].linkers {
		if l.called(name) {
			return l, true
		}
	}
	return linker{}, false
}

// version is what a program says of itself, by its name in the matrix.
func (t *Tools) version(name string) string {
	if v, ok := t.versions[name]; ok {
		return v
	}
	for _, at := range t.archs {
		for _, list := range [][]tool{at.compilerTools(), at.linkerTools()} {
			for _, tl := range list {
				if tl.called(name) {
					return t.versions[tl.label]
				}
			}
		}
	}
	return ""
}
