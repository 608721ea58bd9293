package kmodmk

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// Shell prints the plans of everything that the configuration asks for, one
// after the other, to be run in the current folder. What several plans need
// stands there once.
func Shell(c *Config, tools Tools, out string) (string, error) {
	var b strings.Builder
	b.WriteString("set -e\n")
	if c.Dir != "." {
		b.WriteString("cd " + run.Quote(word(c.Dir)) + "\n")
	}
	done := make(map[string]bool)
	for _, row := range c.Targets(tools, out) {
		if row.Err != nil {
			return "", fmt.Errorf("%s: %w", row.title(), row.Err)
		}
		b.WriteString("\n# " + row.title() + ", " + row.Strategy + "\n" + row.Plan.shell(done))
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
			b.WriteString("printf %s " + run.Quote(string(f.Data)) + " >" + run.Quote(f.Path) + "\n")
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
