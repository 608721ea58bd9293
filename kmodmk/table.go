package kmodmk

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/kmodpad/kmodpad/ldscripts"
)

// Print writes one table of all rows, and below it why those that are not good
// are not. With colour the verdicts are green and red.
func (r *Result) Print(w io.Writer, colour bool) error {
	table := [][]string{{"module", "arch", "compiler", "linker", "strategy", "sets", "padding", "verdict"}}
	for _, row := range r.Rows {
		table = append(table, []string{row.Module, row.Arch, dash(row.Compiler), dash(row.Linker), row.how(),
			row.sets(ldscripts.Sets), row.padding(), row.Verdict()})
	}
	width := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, cells := range table {
		for i, cell := range cells {
			if i == len(cells)-1 { // the verdict, which nothing follows
				if colour && n > 0 {
					cell = paint(cell, r.Rows[n-1].Good())
				}
				b.WriteString(cell + "\n")
				break
			}
			b.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	for _, row := range r.Rows {
		if row.Good() {
			continue
		}
		b.WriteString("\n" + row.title() + ":\n")
		for _, reason := range row.Reasons() {
			b.WriteString("    " + strings.ReplaceAll(reason, "\n", "\n    ") + "\n")
		}
	}
	good := 0
	for _, row := range r.Rows {
		if row.Good() {
			good++
		}
	}
	fmt.Fprintf(&b, "\n%d of %d good; %s\n", good, len(r.Rows), r.effort())
	_, err := io.WriteString(w, b.String())
	return err
}

// effort says how much had to be done.
func (r *Result) effort() string {
	switch r.Ran {
	case 0:
		return "no command run"
	case 1:
		return "1 command run"
	}
	return fmt.Sprintf("%d commands run", r.Ran)
}

// title names a row below the table.
func (r *Row) title() string {
	parts := []string{r.Module, r.Arch}
	for _, p := range []string{r.Compiler, r.Linker} {
		if p != "" && p != "-" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func paint(s string, good bool) string {
	if good {
		return "\x1b[32m" + s + "\x1b[0m"
	}
	return "\x1b[31m" + s + "\x1b[0m"
}

// Colour says whether to colour what goes to f: to a terminal that can, unless
// NO_COLOR is set (no-color.org).
func Colour(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
