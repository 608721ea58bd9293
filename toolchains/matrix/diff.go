package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Difference is what changed from one matrix to another.
type Difference struct {
	// Worse and Better are sentences, each about all the cells that changed
	// alike; Other tells of cells that are in only one of the two, and of
	// programs that changed.
	Worse, Better, Other []string
}

// Diff says in words what changed: which compilers newly make references that
// leave a set, which strategies stopped or began to work, and where a verdict
// got worse or better in another way.
func Diff(before, after *Matrix) *Difference {
	d := &Difference{}
	d.programs(before, after)
	was := make(map[Coordinates]Cell, len(before.Cells))
	for _, c := range before.Cells {
		was[c.Coordinates] = c
	}
	worse, better := newChanges(), newChanges()
	newly, gone := newChanges(), newChanges()
	appeared, could := 0, 0
	for _, c := range after.Cells {
		old, ok := was[c.Coordinates]
		delete(was, c.Coordinates)
		if !ok {
			appeared++
			if c.Defect() { // there is nothing to compare it with, and it is wrong
				worse.add(fmt.Sprintf("new, and not as it must be: %s on %s is %s", c.Case, c.Arch, describe(c)), c)
			}
			continue
		}
		if old.State == Impossible || c.State == Impossible {
			if old.State != c.State {
				could++
			}
			continue
		}
		// That references leave their set does not depend on the strategy, and
		// is said once.
		switch {
		case old.Outside == 0 && c.Outside > 0:
			newly.add(fmt.Sprintf("newly affected: %s on %s has references that leave their set", c.Case, c.Arch), c)
		case old.Outside > 0 && c.Outside == 0:
			gone.add(fmt.Sprintf("no longer affected: %s on %s has no references that leave their set", c.Case, c.Arch), c)
		}
		padded := c.Strategy != "none"
		switch {
		case padded && old.Cured() && !c.Cured():
			worse.add(fmt.Sprintf("strategy %s stopped working: %s on %s is %s, and was %s", c.Strategy, c.Case, c.Arch, describe(c), describe(old)), c)
		case padded && !old.Cured() && c.Cured():
			better.add(fmt.Sprintf("newly cured by strategy %s: %s on %s is %s, and was %s", c.Strategy, c.Case, c.Arch, describe(c), describe(old)), c)
		case c.badness() > old.badness():
			worse.add(fmt.Sprintf("%s on %s with strategy %s is %s, and was %s", c.Case, c.Arch, c.Strategy, describe(c), describe(old)), c)
		case c.badness() < old.badness():
			better.add(fmt.Sprintf("%s on %s with strategy %s is %s, and was %s", c.Case, c.Arch, c.Strategy, describe(c), describe(old)), c)
		case !slices.Equal(old.Rules, c.Rules):
			to := better
			if slices.ContainsFunc(c.Rules, func(r string) bool { return !slices.Contains(old.Rules, r) }) {
				to = worse
			}
			to.add(fmt.Sprintf("%s on %s with strategy %s is %s, and was %s", c.Case, c.Arch, c.Strategy, describe(c), describe(old)), c)
		case len(c.Left) > len(old.Left):
			worse.add(fmt.Sprintf("strategy %s leaves %s behind in %s on %s", c.Strategy, strings.Join(c.Left, " and "), c.Case, c.Arch), c)
		}
	}
	d.Worse = append(newly.sentences(), worse.sentences()...)
	d.Better = append(gone.sentences(), better.sentences()...)
	for _, n := range []struct {
		count int
		what  string
	}{{appeared, "only in the new matrix"}, {len(was), "only in the old matrix"}, {could, "possible on only one of the two machines"}} {
		if n.count > 0 {
			d.Other = append(d.Other, fmt.Sprintf("%d cells are %s", n.count, n.what))
		}
	}
	return d
}

// programs compares the toolchains.
func (d *Difference) programs(before, after *Matrix) {
	versions := func(m *Matrix) (names []string, by map[string]string) {
		by = make(map[string]string)
		for _, t := range m.Toolchains {
			if by[t.Name] == "" {
				names = append(names, t.Name)
			}
			by[t.Name] = t.Version
		}
		return names, by
	}
	oldNames, old := versions(before)
	newNames, is := versions(after)
	for _, n := range newNames {
		switch was, ok := old[n]; {
		case !ok:
			d.Other = append(d.Other, fmt.Sprintf("%s %s is new", n, is[n]))
		case was != is[n]:
			d.Other = append(d.Other, fmt.Sprintf("%s went from %s to %s", n, was, is[n]))
		}
	}
	for _, n := range oldNames {
		if _, ok := is[n]; !ok {
			d.Other = append(d.Other, fmt.Sprintf("%s %s has gone", n, old[n]))
		}
	}
}

func describe(c Cell) string {
	if why := c.Why(); why != "" {
		return fmt.Sprintf("%s (%s)", c.State, firstLine(why))
	}
	return string(c.State)
}

// changes are cells that changed, gathered by the sentence about them.
type changes struct {
	order []string
	with  map[string][]string
}

func newChanges() *changes { return &changes{with: make(map[string][]string)} }

func (g *changes) add(sentence string, c Cell) {
	tool := strings.Join([]string{c.Compiler, c.Options, c.Linker}, " ")
	if g.with[sentence] == nil {
		g.order = append(g.order, sentence)
	}
	if !slices.Contains(g.with[sentence], tool) {
		g.with[sentence] = append(g.with[sentence], tool)
	}
}

func (g *changes) sentences() []string {
	var list []string
	for _, s := range g.order {
		list = append(list, fmt.Sprintf("%s\n    with %s", s, strings.Join(first(g.with[s], 6), ", ")))
	}
	return list
}

// WriteText writes the difference for people.
func (d *Difference) WriteText(w io.Writer) error {
	for _, part := range []struct {
		title string
		lines []string
	}{{"Worse", d.Worse}, {"Better", d.Better}, {"Also", d.Other}} {
		if len(part.lines) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s:\n  %s\n", part.title, strings.Join(part.lines, "\n  ")); err != nil {
			return err
		}
	}
	if len(d.Worse)+len(d.Better)+len(d.Other) == 0 {
		_, err := fmt.Fprintln(w, "Nothing changed.")
		return err
	}
	return nil
}
