package kmodmk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Targets lists everything that the configuration asks for with these tools,
// in the order of kmod.yaml. A module that no tool can make gives one row that
// says so in place of its targets.
func (c *Config) Targets(tools Tools, out string) []*Row {
	var rows []*Row
	for _, m := range c.Modules {
		for _, name := range m.Archs {
			a, err := arch.ByName(name)
			if err != nil { // Load has checked it
				panic(err)
			}
			rows = append(rows, m.targets(a, tools[name], out)...)
		}
	}
	return rows
}

// targets are the module's rows on one architecture, planned.
func (m *Module) targets(a *arch.Arch, tools Toolset, out string) []*Row {
	linkers := tools.linkers(m.Linkers)
	if len(linkers) == 0 {
		return []*Row{{Module: m.Name, Arch: a.Name, Err: fmt.Errorf("no linker for %s that matches %s is installed: run \"go tool mage setup\"", a, strings.Join(m.Linkers, ", "))}}
	}
	makers, err := m.makers(a, tools)
	if err != nil {
		return []*Row{{Module: m.Name, Arch: a.Name, Err: err}}
	}
	// Strategies were checked by Load.
	asked := ldscripts.Strategy(m.Strategy)
	strategy, why := asked.For(a), ""
	if strategy != asked {
		why = a.Name + " modules need none"
	}
	var rows []*Row
	for _, maker := range makers {
		for _, l := range linkers {
			t := maker
			t.Module, t.Arch, t.Linker, t.Objcopy = m, a, l, tools.Objcopy
			t.Strategy, t.Out = strategy, out
			row := &Row{
				Module: m.Name, Arch: a.Name, Compiler: "-", Linker: l.Name,
				Asked: string(asked), Strategy: string(strategy.First(a)), Why: why, Expect: m.Expect, target: t,
			}
			if t.Compiler != nil {
				row.Compiler = t.Compiler.Name
			} else if len(m.Prebuilt) > 0 {
				row.Compiler = "prebuilt"
			}
			row.Plan, row.Err = t.Plan()
			rows = append(rows, row)
		}
	}
	return rows
}

// makers are targets with only their compiler or objects filled in.
func (m *Module) makers(a *arch.Arch, tools Toolset) ([]Target, error) {
	if len(m.Objects) > 0 {
		return []Target{{Objects: forArch(m.Objects, a)}}, nil
	}
	compilers := tools.compilers(m.Compilers)
	lacking := error(nil)
	switch {
	case len(compilers) == 0:
		lacking = fmt.Errorf("no compiler for %s that matches %s is installed: run \"go tool mage setup\"", a, strings.Join(m.Compilers, ", "))
	case tools.Objcopy == "" && !m.Exports.All:
		lacking = errors.New("no objcopy for " + a.Name + " is installed to make symbols local: run \"go tool mage setup\", or say exports: all")
	}
	if lacking != nil {
		if len(m.Prebuilt) > 0 {
			return []Target{{Objects: forArch(m.Prebuilt, a)}}, nil
		}
		return nil, lacking
	}
	var makers []Target
	for _, c := range compilers {
		makers = append(makers, Target{Compiler: &c})
	}
	return makers, nil
}
