package kmodmk

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// Shell prints the plans of everything that the configuration asks for, one
// after the other, to be run in the current folder. What several plans need
// stands there once. Of a module that is padded by measurement it is the last
// link if that was built before, and else the first: how far its references
// reach is in no plan.
func Shell(c *Config, tools Tools, out string) (string, error) {
	var b strings.Builder
	b.WriteString("set -e\n")
	if c.Dir != "." {
		b.WriteString("cd " + run.Quote(word(c.Dir)) + "\n")
	}
	done := make(map[string]bool)
	runner := &Runner{Dir: c.Dir}
	for _, row := range c.Targets(tools, out) {
		if row.Err != nil {
			return "", fmt.Errorf("%s: %w", row.title(), row.Err)
		}
		plan, n, err := runner.known(row.target)
		if err != nil {
			return "", fmt.Errorf("%s: %w", row.title(), err)
		}
		b.WriteString("\n# " + row.title() + ", " + row.Asked + "\n")
		switch {
		case n != nil:
			b.WriteString("# measured: " + n.why + "\n")
		case row.target.Strategy.Measures():
			b.WriteString("# The first link; kmod:build measures, and repeats it where it is not enough.\n")
		}
		b.WriteString(plan.shell(done))
	}
	return b.String(), nil
}

// Shell prints the plan as lines for a POSIX shell. Run in the folder of
// kmod.yaml they make the same files, byte for byte, as running the plan does.
func (p *Plan) Shell() string { return "set -e\n" + p.shell(make(map[string]bool)) }

// shell prints what is not done yet.
func (p *Plan) shell(done map[string]bool) string {
	var b strings.Builder
	for _, dir := range p.dirs() {
		if !done[dir] {
			done[dir] = true
			b.WriteString("mkdir -p " + run.Quote(word(dir)) + "\n")
		}
	}
	for _, f := range p.Writes {
		if !done[f.Path] {
			done[f.Path] = true
			b.WriteString(f.print() + " >" + run.Quote(f.Path) + "\n")
		}
	}
	for _, s := range p.Steps {
		if !done[s.Output] {
			done[s.Output] = true
			b.WriteString("# " + s.Name + "\n" + s.Command.String() + "\n")
		}
	}
	return b.String()
}

// print is a command that prints the file's contents. A shell's words cannot
// hold zeros, which the contents of an object can: printf makes those of digits.
func (f File) print() string {
	if !bytes.ContainsRune(f.Data, 0) {
		return "printf %s " + run.Quote(string(f.Data))
	}
	var format strings.Builder
	for _, c := range f.Data {
		fmt.Fprintf(&format, `\%03o`, c)
	}
	return "printf " + run.Quote(format.String())
}

// dirs lists the folders that the plan makes files in.
func (p *Plan) dirs() []string {
	var dirs []string
	for _, f := range p.Writes {
		dirs = append(dirs, path.Dir(f.Path))
	}
	for _, s := range p.Steps {
		dirs = append(dirs, path.Dir(s.Output))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
