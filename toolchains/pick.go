package toolchains

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// PickCompilers selects compilers by patterns, in their usual order and each
// once. A pattern is
//
//   - a name or alias, which may have the wildcards of [path.Match]:
//     clang-19, clang-1?, *-gcc-12;
//   - the path of a program;
//   - when no name is matched, the word of a kind: clang, gcc.
//
// Every pattern must match something. Without patterns all are selected.
func (t *Toolchains) PickCompilers(patterns ...string) ([]Compiler, error) {
	return pick("compiler", t.Compilers, patterns, func(c Compiler) (Program, Kind) { return c.Program, c.Kind })
}

// PickLinkers selects linkers by patterns, as [Toolchains.PickCompilers] does.
// The words of kinds are lld or ld.lld, and bfd or ld.bfd.
func (t *Toolchains) PickLinkers(patterns ...string) ([]Linker, error) {
	return pick("linker", t.Linkers, patterns, func(l Linker) (Program, Kind) { return l.Program, l.Kind })
}

func pick[T any](what string, all []T, patterns []string, describe func(T) (Program, Kind)) ([]T, error) {
	if len(patterns) == 0 {
		return slices.Clone(all), nil
	}
	picked := make([]bool, len(all))
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%s %q: %w", what, pattern, err)
		}
		matched := false
		for i, item := range all {
			if program, _ := describe(item); program.matches(pattern) {
				picked[i], matched = true, true
			}
		}
		if matched {
			continue
		}
		for i, item := range all {
			if _, kind := describe(item); pattern == string(kind) || pattern == strings.TrimPrefix(string(kind), "ld.") {
				picked[i], matched = true, true
			}
		}
		if !matched {
			return nil, noMatch(what, pattern, all, describe)
		}
	}
	var list []T
	for i, item := range all {
		if picked[i] {
			list = append(list, item)
		}
	}
	return list, nil
}

func (p Program) matches(pattern string) bool {
	if pattern == p.Path {
		return true
	}
	return slices.ContainsFunc(append([]string{p.Name}, p.Aliases...), func(name string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

func noMatch[T any](what, pattern string, all []T, describe func(T) (Program, Kind)) error {
	if len(all) == 0 {
		return fmt.Errorf("no %s %q: no %s is installed; `go tool mage setup` installs some", what, pattern, what)
	}
	var names []string
	for _, item := range all {
		program, _ := describe(item)
		names = append(names, program.Name)
	}
	return fmt.Errorf("no %s %q: installed are %s; `go tool mage setup` installs more",
		what, pattern, strings.Join(names, ", "))
}
