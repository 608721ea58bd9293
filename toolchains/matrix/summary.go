package matrix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/ldscripts"
)

// made is what cells that differ only in linker and strategy have in common.
func (c Coordinates) made() Build { return Build{c.Arch, c.Compiler, c.Options, c.Case} }

// tally counts cells: how many of them are good.
type tally struct{ good, all int }

func (t *tally) add(good bool) {
	t.all++
	if good {
		t.good++
	}
}

func (t tally) String() string {
	if t.all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", t.good, t.all)
}

// linked is one build with one linker.
type linked struct {
	build  Build
	linker string
}

// affected are the builds that show the bug with some linker when nothing is
// done about it, and the linkers with which they do. Where the matrix has no
// cells without padding, references that leave a set tell, although that is
// harmless in a module that is loaded section by section.
func (m *Matrix) affected() (builds map[Build]bool, links map[linked]bool) {
	builds, links = make(map[Build]bool), make(map[linked]bool)
	unpadded := slices.Contains(m.strategies(), string(ldscripts.None))
	for _, c := range m.Cells {
		shows := c.Strategy == string(ldscripts.None) && c.Affected()
		if !unpadded {
			shows = c.Outside > 0
		}
		if shows {
			builds[c.made()] = true
			links[linked{c.made(), c.Linker}] = true
		}
	}
	return builds, links
}

// axes are the values of each axis in order.
func (m *Matrix) archs() []string { return m.Axis(func(c Coordinates) string { return c.Arch }) }
func (m *Matrix) compilers() []string {
	return m.Axis(func(c Coordinates) string { return c.Compiler })
}
func (m *Matrix) linkers() []string { return m.Axis(func(c Coordinates) string { return c.Linker }) }
func (m *Matrix) strategies() []string {
	return m.Axis(func(c Coordinates) string { return c.Strategy })
}

// Defects are the cells that are not as they must be.
func (m *Matrix) Defects() []Cell {
	return slices.DeleteFunc(slices.Clone(m.Cells), func(c Cell) bool { return !c.Defect() })
}

// counts says how many cells are in which state, in words.
func (s Summary) String() string {
	var parts []string
	for _, state := range States {
		if n := s.States[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return fmt.Sprintf("%d cells: %s", s.Cells, strings.Join(parts, ", "))
}

// grid is a table of text.
type grid struct {
	head []string
	rows [][]string
}

// markdown writes the table as Markdown.
func (g grid) markdown(b *strings.Builder) {
	line := func(row []string) {
		b.WriteString("|")
		for _, cell := range row {
			b.WriteString(" " + escape(cell) + " |")
		}
		b.WriteString("\n")
	}
	line(g.head)
	line(slices.Repeat([]string{"---"}, len(g.head)))
	for _, row := range g.rows {
		line(row)
	}
}

// escape keeps text from being taken for the end of a table's cell.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}

// overview is a row for each architecture, compiler and options: the cases that
// are affected, and by how many linkers each strategy has cured how many of them.
func (m *Matrix) overview() grid {
	builds, links := m.affected()
	strategies := m.strategies()
	g := grid{head: append([]string{"arch", "compiler", "options", "affected"}, strategies...)}
	type row struct{ arch, compiler, options string }
	type figures struct {
		cases  []string
		cured  map[string]*tally
		states map[State]bool
	}
	rows := make(map[row]*figures)
	var order []row
	for _, c := range m.Cells {
		k := row{c.Arch, c.Compiler, c.Options}
		f := rows[k]
		if f == nil {
			f = &figures{cured: make(map[string]*tally), states: make(map[State]bool)}
			rows[k] = f
			order = append(order, k)
		}
		f.states[c.State] = true
		if builds[c.made()] && !slices.Contains(f.cases, c.Case) {
			f.cases = append(f.cases, c.Case)
		}
		if f.cured[c.Strategy] == nil {
			f.cured[c.Strategy] = &tally{}
		}
		if links[linked{c.made(), c.Linker}] {
			f.cured[c.Strategy].add(c.Cured())
		}
	}
	for _, k := range order {
		f := rows[k]
		affected := strings.Join(f.cases, " ")
		switch {
		case len(f.states) == 1 && f.states[Impossible]:
			affected = "(not for this architecture)"
		case affected == "":
			affected = "no"
		}
		cells := []string{k.arch, k.compiler, k.options, affected}
		for _, s := range strategies {
			cured := tally{}
			if t := f.cured[s]; t != nil {
				cured = *t
			}
			cells = append(cells, cured.String())
		}
		g.rows = append(g.rows, cells)
	}
	return g
}
