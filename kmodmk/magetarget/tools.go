package magetarget

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Tools sorts the toolchains that were found by what they can do: for each
// architecture its compilers, best first, and its linkers.
func Tools(found *toolchains.Toolchains) kmodmk.Tools {
	compilers := slices.Clone(found.Compilers)
	slices.SortStableFunc(compilers, func(a, b toolchains.Compiler) int {
		if a.Kind != b.Kind { // FreeBSD builds with clang
			return cmp.Compare(string(a.Kind), string(b.Kind))
		}
		return newer(a.Version, b.Version)
	})
	tools := make(kmodmk.Tools, len(arch.All))
	for _, a := range arch.All {
		var set kmodmk.Toolset
		for _, c := range compilers {
			if flags, ok := c.Flags(a); ok {
				set.Compilers = append(set.Compilers, kmodmk.Compiler{Tool: tool(c.Program), Flags: flags})
			}
		}
		for _, l := range found.Linkers {
			if emulation, ok := l.Emulation(a); ok {
				set.Linkers = append(set.Linkers, kmodmk.Linker{Tool: tool(l.Program), Kind: string(l.Kind), Emulation: emulation})
			}
		}
		if o, ok := found.Objcopy(a); ok {
			set.Objcopy = o.Path
		}
		tools[a.Name] = set
	}
	return tools
}

func tool(p toolchains.Program) kmodmk.Tool {
	return kmodmk.Tool{Name: p.Name, Path: p.Path, Aliases: p.Aliases}
}

// newer orders versions such as 9.0.1 and 14.0.6, newest first.
func newer(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(y, x); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(bs), len(as))
}
