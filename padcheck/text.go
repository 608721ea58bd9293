package padcheck

import (
	"fmt"
	"io"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/object"
)

// WriteText writes a report for people: what each module's sets are, what is
// wrong, what the kernel will do, and how to mend it. color adds terminal
// escapes.
func (r *Report) WriteText(w io.Writer, color bool) error {
	t := &text{w: w, color: color}
	for i, m := range r.Modules {
		t.next(i, m, r.Profile)
	}
	t.end(r.Summary, r.Spaces)
	return t.err
}

// next prints a module of a report, the first of number zero.
func (t *text) next(i int, m *Module, profile string) {
	if i > 0 {
		t.printf("\n")
	}
	t.module(m, profile)
}

// end prints what stands below the modules.
func (t *text) end(sum Summary, spaces []SpaceUse) {
	for i, u := range spaces {
		if i == 0 {
			t.printf("\n")
		}
		t.printf("%s space: %d of %d B used by %s\n", u.Name, u.Used, u.Size, count(len(u.Users), "module"))
	}
	if sum.Modules > 1 {
		t.printf("\n%d modules: %s, %s\n", sum.Modules, count(sum.Errors, "error"), count(sum.Warnings, "warning"))
	}
}

type text struct {
	w     io.Writer
	color bool
	err   error
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// Colours, as SGR parameters.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

func (t *text) paint(sgr, s string) string {
	if !t.color {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func (t *text) module(m *Module, profile string) {
	verdict := t.paint(green, string(m.Verdict))
	if m.Verdict != OK {
		verdict = t.paint(red, string(m.Verdict))
	}
	t.printf("%s: %s  (%s, %s, FreeBSD %s)\n", t.paint(bold, quotedPath(m.Path)), verdict, m.Arch, m.Loader, profile)
	for _, s := range m.Sets {
		t.printf("  %s\n", s.describe())
	}
	if len(m.Sets) == 0 {
		t.printf("  no virtualised or per-CPU variables\n")
	}
	for _, g := range group(m.Findings) {
		t.finding(g)
	}
	for _, n := range m.Notes {
		t.printf("  %s\n", t.paint(faint, "note: "+n))
	}
}

// describe says in a line what a set is.
func (s *Set) describe() string {
	line := fmt.Sprintf("%s  %d B at %v, instances from %v", s.Name, s.Size, s.Start, s.Base)
	if s.Base == 0 {
		line = fmt.Sprintf("%s  %d B at %v, no instances", s.Name, s.Size, s.Start)
	}
	switch {
	case s.PaddingBefore > 0:
		line += fmt.Sprintf(", padding %d B before and %d B after", s.PaddingBefore, s.PaddingAfter)
	case s.PaddingAfter > 0:
		line += fmt.Sprintf(", padding %d B", s.PaddingAfter)
	default:
		line += ", no padding"
	}
	return line
}

// finding prints findings that differ in nothing but their place.
func (t *text) finding(g []Finding) {
	f := g[0]
	label := t.paint(yellow, "warning")
	if f.Severity == Error {
		label = t.paint(red, "error")
	}
	t.printf("  %s: %s: %s\n", label, t.paint(bold, f.Rule), f.Message)
	if f.Place != nil {
		places := make([]string, 0, len(g))
		for _, f := range g {
			places = append(places, f.Place.String())
		}
		const most = 8
		if n := len(places); n > most {
			places = append(places[:most], fmt.Sprintf("and %d more", n-most))
		}
		word := "place"
		if len(g) > 1 {
			word = "places"
		}
		t.printf("    %s: %s\n", word, strings.Join(places, " "))
	}
	t.printf("    mend: %s\n", f.Mend)
}

// group gathers findings of one rule about one target, in the order of the
// first of each.
func group(findings []Finding) [][]Finding {
	type key struct {
		rule, set, symbol, message string
		severity                   Severity
		addend                     int64
	}
	index := map[key]int{}
	var groups [][]Finding
	for _, f := range findings {
		k := key{rule: f.Rule, set: f.Set, symbol: f.Symbol, severity: f.Severity}
		if f.Addend != nil {
			k.addend = *f.Addend
		} else {
			k.message = f.Message
		}
		i, ok := index[k]
		if !ok || f.Place == nil {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// quotedPath makes a file name safe to print on a terminal.
func quotedPath(path string) string {
	if object.Printable(path) != path {
		return fmt.Sprintf("%q", path)
	}
	return path
}
