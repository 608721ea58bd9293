package matrix

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/testdata"
)

// Filter narrows a matrix. Each field holds words with commas between, and an
// empty one lets everything pass. Words for archs, strategies and cases are
// whole names, and those that matrix.yaml leaves out may be named too. A word
// for a compiler or a linker is a part of its name, or a pattern. A word for
// options is one of them (-O2, i486), and all the words of a filter must be
// there.
type Filter struct {
	Arch, Compiler, Options, Linker, Strategy, Case string
}

// split takes the words of a field apart.
func split(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == ',' || r == ' ' })
}

// narrow is the configuration with those axes narrowed that hold names; an
// unknown one is an error.
func (f Filter) narrow(c *Config) (*Config, error) {
	samples, err := testdata.LoadSamples()
	if err != nil {
		return nil, err
	}
	n := *c
	if words := split(f.Arch); len(words) > 0 {
		for _, w := range words {
			if err := knownArch(w); err != nil {
				return nil, err
			}
		}
		n.Archs = words
	}
	if words := split(f.Strategy); len(words) > 0 {
		for _, w := range words {
			if _, err := ldscripts.Parse(w); err != nil {
				return nil, err
			}
		}
		n.Strategies = words
	}
	if words := split(f.Case); len(words) > 0 {
		for _, w := range words {
			if err := knownCase(samples, w); err != nil {
				return nil, err
			}
		}
		n.Cases, n.ArchCases = words, nil
	}
	return &n, nil
}

// names keeps the names that the words of a field pick.
func pickNames(what, field string, names []string) ([]string, error) {
	words := split(field)
	if len(words) == 0 {
		return names, nil
	}
	picked := make([]bool, len(names))
	for _, w := range words {
		hit := false
		for i, n := range names {
			if ok, _ := path.Match(w, n); ok || strings.Contains(n, w) {
				picked[i], hit = true, true
			}
		}
		if !hit {
			return nil, fmt.Errorf("no %s is called %q here: there are %s", what, w, strings.Join(names, ", "))
		}
	}
	var kept []string
	for i, n := range names {
		if picked[i] {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

// options keeps the choices that hold all the words of the field.
func (f Filter) options(all []string) []string {
	words := split(f.Options)
	return slices.DeleteFunc(slices.Clone(all), func(o string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(o, w) })
	})
}
