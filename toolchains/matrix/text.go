package matrix

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the matrix for people: a line for each architecture,
// compiler and options, with the cases that are affected and, for each strategy,
// how many of the affected modules it cures, counted over the linkers. Lists of
// what went wrong come last.
func (m *Matrix) WriteText(w io.Writer) error {
	g := m.overview()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(g.head, "\t"))
	last := ""
	for _, row := range g.rows {
		if row[0] == last {
			row[0] = ""
		} else {
			last = row[0]
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThe last columns count affected modules, each with each linker: cured/all.\n%v\n", m.Summary)
	return err
}

// WriteCells writes a line for each cell.
func (m *Matrix) WriteCells(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "arch\tcompiler\toptions\tlinker\tstrategy\tcase\tstate\toutside\tadded\twhy")
	for _, c := range m.Cells {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			c.Arch, c.Compiler, c.Options, c.Linker, c.Strategy, c.Case, c.State, c.Outside, c.Added, firstLine(c.Why()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, m.Summary)
	return err
}

// firstLine is what of a message fits into a table.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 240 {
		s = string(r[:237]) + "..."
	}
	return s
}

// WriteProblems lists in words what went wrong in a run, each reason once with
// the number of cells it concerns. It writes nothing when all went well.
func (m *Matrix) WriteProblems(w io.Writer) error {
	type problem struct {
		what  string
		count int
		first Coordinates
	}
	var list []*problem
	byText := make(map[string]*problem)
	noteAs := func(c Cell, same, what string) {
		p := byText[same]
		if p == nil {
			p = &problem{what: what, first: c.Coordinates}
			byText[same] = p
			list = append(list, p)
		}
		p.count++
	}
	note := func(c Cell, what string) { noteAs(c, what, what) }
	for _, c := range m.Cells {
		switch {
		case c.Unlinkable: // each names its own places, but it is one thing
			noteAs(c, "unlinkable "+c.Arch+c.Compiler+c.Linker, "failed even without padding: "+firstLine(c.Reason))
		case c.State == Failed || c.State == Crashed || c.State == Impossible:
			note(c, fmt.Sprintf("%s: %s", c.State, firstLine(c.Reason)))
		case c.Defect():
			note(c, fmt.Sprintf("%s does not cure %s: %s", c.Strategy, c.Case, strings.Join(c.Rules, ", ")))
		}
		if c.LinkWarnings > 0 {
			note(c, fmt.Sprintf("%s warns: %s", c.Linker, firstLine(c.LinkWarning)))
		}
		if c.CompileWarnings > 0 {
			note(c, fmt.Sprintf("%s warns (%d times in %s)", c.Compiler, c.CompileWarnings, c.Case))
		}
	}
	for _, p := range list {
		if _, err := fmt.Fprintf(w, "%d cells, as %s:\n  %s\n", p.count, p.first, p.what); err != nil {
			return err
		}
	}
	return nil
}
