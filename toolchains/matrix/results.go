package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes the matrix for a job's summary: the overview, and what
// is not as it must be.
func (m *Matrix) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Toolchain matrix\n\n%v\n\n", m.Summary)
	if defects := m.Defects(); len(defects) > 0 {
		fmt.Fprintf(&b, "### Not as it must be\n\n")
		g := grid{head: []string{"cell", "state", "why"}}
		for _, c := range defects[:min(len(defects), 50)] {
			g.rows = append(g.rows, []string{c.Coordinates.String(), string(c.State), firstLine(c.Why())})
		}
		g.markdown(&b)
		if more := len(defects) - 50; more > 0 {
			fmt.Fprintf(&b, "\nand %d more\n", more)
		}
		b.WriteString("\n")
	}
	b.WriteString("### Affected, and cured by\n\nThe last columns count affected modules, each with each linker: cured/all.\n\n")
	m.overview().markdown(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteResults writes RESULTS.md: the answer to which toolchains are affected
// and what cures them. It is dated by the versions of the toolchains.
func (m *Matrix) WriteResults(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Which toolchains are affected, and what cures them\n\n" +
		"Written by `go tool mage matrix:run -results`; do not edit. Every sample module (`testdata/samples`) was compiled,\n" +
		"linked and loaded on trial with each of\n\n")
	g := grid{head: []string{"toolchain", "version"}}
	for _, t := range m.Toolchains {
		g.rows = append(g.rows, []string{t.Name, t.Version})
	}
	g.markdown(&b)
	fmt.Fprintf(&b, "\n%v.\n\n", m.Summary)

	b.WriteString("## In short\n\n" + m.short() +
		"\n## Which compilers make references that leave a set\n\n" +
		"The samples that are affected, each with the options that show it, if not all do. A sample is affected when, without\n" +
		"padding, a reference leaves its set or one of a neighbour lands in a set, and the kernel gets it wrong.\n\n")
	m.byCompiler().markdown(&b)

	b.WriteString("\n## Which strategy cures them with which linker\n\n" +
		"Affected modules that are cured, of all that are affected. A module counts as cured when nothing is left that padding\n" +
		"can mend.\n\n")
	m.byLinker().markdown(&b)

	b.WriteString("\n## What padding costs\n\n" +
		"The most bytes that a strategy adds to the sets of a sample, which every network stack or CPU pays, and the modules\n" +
		"without a set in which it leaves one behind.\n\n")
	m.cost().markdown(&b)

	if reasons := m.refusals(); len(reasons.rows) > 0 {
		b.WriteString("\n## What could not be made\n\n")
		reasons.markdown(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFragment writes the table that README.md begins with.
func (m *Matrix) WriteFragment(w io.Writer) error {
	_, err := io.WriteString(w, m.short())
	return err
}

// short is a row for each architecture: the compilers that are affected, and
// which strategies cure everything with which linkers.
func (m *Matrix) short() string {
	builds, links := m.affected()
	strategies := slices.DeleteFunc(m.strategies(), func(s string) bool { return s == "none" })
	g := grid{head: append([]string{"architecture", "affected compilers", "by samples"}, strategies...)}
	for _, a := range m.archs() {
		var affected, samples []string
		compiled := make(map[string]bool)
		cured := make(map[string]*tally)
		for _, s := range strategies {
			cured[s] = &tally{}
		}
		for _, c := range m.Cells {
			if c.Arch != a {
				continue
			}
			if c.State != Impossible {
				compiled[c.Compiler] = true
			}
			if builds[c.made()] && !slices.Contains(affected, c.Compiler) {
				affected = append(affected, c.Compiler)
			}
			if builds[c.made()] && !slices.Contains(samples, c.Case) {
				samples = append(samples, c.Case)
			}
			if t := cured[c.Strategy]; t != nil && links[linked{c.made(), c.Linker}] {
				t.add(c.Cured())
			}
		}
		text := strings.Join(affected, ", ")
		switch {
		case len(compiled) == 0:
			text = "not tried"
		case text == "":
			text = "none"
		case len(affected) == len(compiled):
			text = "all"
		}
		row := []string{a, text, strings.Join(samples, ", ")}
		for _, s := range strategies {
			row = append(row, degree(*cured[s]))
		}
		g.rows = append(g.rows, row)
	}
	var b strings.Builder
	g.markdown(&b)
	return b.String()
}

// degree says in words how much is cured.
func degree(t tally) string {
	switch {
	case t.all == 0:
		return "-"
	case t.good == t.all:
		return "cures all"
	case t.good == 0:
		return "cures none"
	}
	return fmt.Sprintf("cures %d of %d", t.good, t.all)
}

// byCompiler is a row for each architecture and compiler; neighbours that are
// affected alike share one.
func (m *Matrix) byCompiler() grid {
	builds, _ := m.affected()
	g := grid{head: []string{"architecture", "compiler", "affected samples"}}
	options := func(a string) []string {
		return m.Only(func(c Cell) bool { return c.Arch == a && c.State != Impossible }).Axis(func(c Coordinates) string { return c.Options })
	}
	for _, a := range m.archs() {
		all := options(a)
		for _, compiler := range m.compilers() {
			var cases []string
			by := make(map[string][]string)
			there := false
			for _, c := range m.Cells {
				if c.Arch != a || c.Compiler != compiler || c.State == Impossible {
					continue
				}
				there = true
				if !builds[c.made()] || slices.Contains(by[c.Case], c.Options) {
					continue
				}
				if by[c.Case] == nil {
					cases = append(cases, c.Case)
				}
				by[c.Case] = append(by[c.Case], c.Options)
			}
			if !there {
				continue
			}
			var parts []string
			for _, name := range cases {
				if len(by[name]) == len(all) {
					parts = append(parts, name)
				} else {
					parts = append(parts, fmt.Sprintf("%s (%s)", name, strings.Join(by[name], "; ")))
				}
			}
			if parts == nil {
				parts = []string{"none"}
			}
			text := strings.Join(parts, ", ")
			if last := len(g.rows) - 1; last >= 0 && g.rows[last][0] == a && g.rows[last][2] == text {
				g.rows[last][1] += ", " + compiler
				continue
			}
			g.rows = append(g.rows, []string{a, compiler, text})
		}
	}
	return g
}

// byLinker is a row for each architecture and linker.
func (m *Matrix) byLinker() grid {
	_, links := m.affected()
	strategies := m.strategies()
	g := grid{head: append([]string{"architecture", "linker"}, strategies...)}
	type place struct{ arch, linker, strategy string }
	tallies := make(map[place]*tally)
	for _, c := range m.Cells {
		if c.State == Impossible {
			continue
		}
		p := place{c.Arch, c.Linker, c.Strategy}
		if tallies[p] == nil {
			tallies[p] = &tally{}
		}
		if links[linked{c.made(), c.Linker}] {
			tallies[p].add(c.Cured())
		}
	}
	for _, a := range m.archs() {
		for _, l := range m.linkers() {
			row, any := []string{a, l}, false
			for _, s := range strategies {
				t := tallies[place{a, l, s}]
				if t == nil {
					t = &tally{}
				}
				any = any || t.all > 0
				row = append(row, t.String())
			}
			if any {
				g.rows = append(g.rows, row)
			}
		}
	}
	return g
}

// cost is a row for each strategy: bytes added, and sections left behind.
func (m *Matrix) cost() grid {
	g := grid{head: []string{"strategy", "linker", "bytes added at most", "sections left behind"}}
	for _, s := range m.strategies() {
		for _, l := range m.linkers() {
			var most uint64
			var left tally
			for _, c := range m.Cells {
				if c.Strategy == s && c.Linker == l && slices.Contains([]State{OK, Refused, Broken}, c.State) {
					most = max(most, c.Added)
					left.add(len(c.Left) > 0)
				}
			}
			if left.all > 0 {
				g.rows = append(g.rows, []string{s, l, fmt.Sprint(most), fmt.Sprintf("%d of %d modules", left.good, left.all)})
			}
		}
	}
	return g
}

// refusals are the cells that have no module, by program and strategy, each with
// the reason of the first.
func (m *Matrix) refusals() grid {
	g := grid{head: []string{"cells", "architectures", "strategy", "program", "reason, for one of them"}}
	type group struct{ strategy, tool string }
	type figures struct {
		count  int
		archs  []string
		reason string
	}
	groups := make(map[group]*figures)
	var order []group
	for _, c := range m.Cells {
		k := group{c.Strategy, c.Linker}
		switch {
		case c.State != Failed && c.State != Crashed && c.State != Impossible:
			continue
		case strings.HasPrefix(c.Reason, compileFailed):
			k = group{"any", c.Compiler}
		case c.State == Impossible, c.Unlinkable:
			k.strategy = "any"
		}
		f := groups[k]
		if f == nil {
			f = &figures{reason: firstLine(c.Reason)}
			groups[k] = f
			order = append(order, k)
		}
		f.count++
		if !slices.Contains(f.archs, c.Arch) {
			f.archs = append(f.archs, c.Arch)
		}
	}
	for _, k := range order {
		f := groups[k]
		g.rows = append(g.rows, []string{fmt.Sprint(f.count), strings.Join(f.archs, ", "), k.strategy, k.tool, f.reason})
	}
	return g
}
