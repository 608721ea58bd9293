package toolchains

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// WriteTable prints what was found, for people: kind, name, version and the
// architectures served, and after that what was left out and why.
func (t *Toolchains) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(kind, name, version string, archs []string) {
		if version == "" {
			version = "-"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", kind, name, version, strings.Join(archs, " "))
	}
	row("KIND", "NAME", "VERSION", []string{"ARCHITECTURES"})
	for _, c := range t.Compilers {
		row(string(c.Kind), c.Name, c.Version, c.Targets)
	}
	for _, l := range t.Linkers {
		row(string(l.Kind), l.Name, l.Version, served(func(a *arch.Arch) bool { _, ok := l.Emulation(a); return ok }))
	}
	for _, o := range t.Objcopies {
		row("objcopy", o.Name, o.Version, o.Targets)
	}
	for _, e := range t.Emulators {
		row("qemu", e.Name, e.Version, served(func(a *arch.Arch) bool { return strings.TrimSuffix(e.Name, "-static") == a.QEMU }))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i, r := range t.Rejected {
		if i == 0 {
			if _, err := fmt.Fprintln(w, "\nLeft out:"); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "  %s: %s\n", r.Path, strings.ReplaceAll(r.Reason, "\n", "\n    ")); err != nil {
			return err
		}
	}
	return nil
}

func served(by func(*arch.Arch) bool) []string {
	var names []string
	for _, a := range arch.All {
		if by(a) {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}
