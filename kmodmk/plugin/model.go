package plugin

import (
	"fmt"
	"path"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Model is what every template is filled in with.
type Model struct {
	Archs []Arch
	// NothingExported stands in the list of exported symbols when there are
	// none.
	NothingExported string
}

// Arch is how modules are made for one architecture.
type Arch struct {
	Name string
	// Shared says that there is a link stage 2, and padding.
	Shared bool
	// Sentinel says that FreeBSD's own build pads this architecture's modules.
	Sentinel bool
	// Emulations are the names that linkers know the architecture by, best
	// first.
	Emulations []string
	// Script is the linker script of stage 1, empty when there is none.
	Script string
	// Compilers and Linkers are the commands by kind of tool.
	Compilers []Compiler
	Linkers   []Linker
	// Localise makes symbols local; it is the same for all tools.
	Localise Command
}

// Compiler is how a kind of compiler is called, clang or gcc.
type Compiler struct {
	Kind    string
	Compile Command
}

// Linker is how a kind of linker is called, lld or bfd.
type Linker struct {
	Kind               string
	StageOne, StageTwo Command
}

// ScriptLines is the linker script line by line.
func (a Arch) ScriptLines() []string {
	return strings.Split(strings.TrimSuffix(a.Script, "\n"), "\n")
}

// ScriptWords is the linker script as words of a recipe, a line each.
func (a Arch) ScriptWords() []string {
	lines := a.ScriptLines()
	for i, l := range lines {
		lines[i] = makeQuote(l)
	}
	return lines
}

// kinds of tools by the name that they have in a plugin. Each compiler is
// planned with a linker; that they come in pairs means nothing else.
var kinds = []struct {
	compiler, linker string
	compilerKind     toolchains.Kind
	linkerKind       toolchains.Kind
}{
	{"clang", "lld", toolchains.Clang, toolchains.LLD},
	{"gcc", "bfd", toolchains.GCC, toolchains.BFD},
}

// NewModel takes the model from the plans of a module that stands for all.
func NewModel(archs []*arch.Arch) (*Model, error) {
	m := &Model{}
	for _, a := range archs {
		one := Arch{Name: a.Name, Shared: a.Shape == arch.Shared, Sentinel: a.Sentinel, Emulations: a.Emulations}
		for _, k := range kinds {
			compiler := toolchains.Compiler{Kind: k.compilerKind, Targets: []string{a.Name}}
			flags, _ := compiler.Flags(a)
			plan, err := kmodmk.Target{
				Module:   standIn(),
				Arch:     a,
				Compiler: &kmodmk.Compiler{Tool: kmodmk.Tool{Name: k.compiler, Path: string(CC)}, Flags: flags},
				Linker:   kmodmk.Linker{Tool: kmodmk.Tool{Name: k.linker, Path: string(LD)}, Kind: string(k.linkerKind), Emulation: string(Emulation)},
				Objcopy:  string(Objcopy),
				Strategy: ldscripts.Constraint.For(a),
				Out:      ".",
			}.Plan()
			if err != nil {
				return nil, fmt.Errorf("plugins for %s: %w", a, err)
			}
			if err := one.take(m, plan, k.compiler, k.linker); err != nil {
				return nil, fmt.Errorf("plugins for %s: %w", a, err)
			}
		}
		m.Archs = append(m.Archs, one)
	}
	return m, nil
}

// standIn is a module with one of everything, and no exports.
func standIn() *kmodmk.Module {
	return &kmodmk.Module{
		Name:    "module",
		Sources: []string{"source.c"},
		Settings: kmodmk.Settings{
			CFlags:  []string{string(Flags)},
			Exports: &kmodmk.Exports{},
		},
	}
}

// take takes a plan apart. A plan of another shape than the templates are made
// for is an error, not a plugin that does half of it.
func (a *Arch) take(m *Model, p *kmodmk.Plan, compiler, linker string) error {
	roles := map[string]Role{string(Flags): Flags, string(Emulation): Emulation, p.KLD: KLD, p.KO: KO}
	for _, w := range p.Writes {
		if strings.HasPrefix(path.Base(w.Path), ldscripts.FileName) {
			roles[w.Path], a.Script = Script, string(w.Data)
		} else {
			roles[w.Path], m.NothingExported = Exports, strings.TrimSpace(string(w.Data))
		}
	}
	if len(p.Steps) != 4 || (a.Script != "") != a.Shared {
		return fmt.Errorf("the plan has %d steps and %d files, and the templates know compile, stage 1, localise and stage 2 with a script and a list", len(p.Steps), len(p.Writes))
	}
	compile, one, localise, two := p.Steps[0], p.Steps[1], p.Steps[2], p.Steps[3]
	roles[compile.Inputs[0]], roles[compile.Output], roles[compile.Deps] = Source, Object, Deps
	a.Compilers = append(a.Compilers, Compiler{compiler, newCommand(compile, roles)})
	roles[one.Output], roles[compile.Output] = StageOne, Objects
	a.Linkers = append(a.Linkers, Linker{linker, newCommand(one, roles), newCommand(two, roles)})
	a.Localise = newCommand(localise, roles)
	return nil
}
