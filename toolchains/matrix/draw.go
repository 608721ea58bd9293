package matrix

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
)

// errVerify is the error of a module that was linked but can't be read.
var errVerify = errors.New("linked, but not to be verified")

// boundary are the rules that references which leave a set, or land in one
// from outside, break.
var boundary = map[string]bool{
	padcheck.RuleBoundaryReference:    true,
	padcheck.RuleReferencePastPadding: true,
	padcheck.RuleReferenceBelowSet:    true,
	padcheck.RuleCapturedReference:    true,
}

// rules are those of a report's findings of one severity, each once.
func rules(report *padcheck.Module, severity padcheck.Severity) []string {
	var names []string
	for _, f := range report.Findings {
		if f.Severity == severity {
			names = append(names, f.Rule)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// references are the sets of a relocatable object with all references to them,
// gathered by where they lead.
func references(kld string) ([]Set, error) {
	f, err := object.Open(kld)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, err := reference.NewReader(f)
	if err != nil {
		return nil, err
	}
	var sets []Set
	index := make(map[uint32]int)
	names := make(map[uint32]*reference.Names)
	for i := range f.Sections {
		s := &f.Sections[i]
		if slices.Contains(loader.SetNames, s.Name) && s.Alloc() {
			index[s.Index] = len(sets)
			names[s.Index] = reader.Names(s)
			sets = append(sets, Set{Name: s.Name, Size: s.Size})
		}
	}
	type where struct {
		set      int
		at       int64
		resolved bool
	}
	counts := make(map[where]*Reference)
	err = reader.Each(func(r *reference.Reference) error {
		// A pair of instructions counts once, and the linker's own symbols move
		// with the padding.
		if r.To == nil || r.Bound || r.Form.Second() {
			return nil
		}
		i, ok := index[r.To.Index]
		if !ok || !r.From.Alloc() {
			return nil
		}
		w := where{i, r.Target, r.Form.PastKernel()}
		if c := counts[w]; c != nil {
			c.Count++
			return nil
		}
		v := names[r.To.Index].At(r.Target)
		counts[w] = &Reference{At: r.Target, Count: 1, Name: offset(v.Name, v.Offset), Resolved: w.resolved}
		return nil
	})
	for w, c := range counts {
		sets[w.set].References = append(sets[w.set].References, *c)
	}
	for i := range sets {
		sortReferences(sets[i].References)
	}
	slices.SortFunc(sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	return sets, err
}

func sortReferences(list []Reference) {
	slices.SortFunc(list, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Count, b.Count))
	})
}

func offset(name string, bytes int64) string {
	if bytes == 0 {
		return name
	}
	return fmt.Sprintf("%s%+d", name, bytes)
}

// draw is what there is to draw of a module: its sets as they are in the
// module, the references to them as they were in the output of stage 1, and
// those of neighbours that were found to land in them.
func draw(kld string, report *padcheck.Module) ([]Set, error) {
	had, err := references(kld)
	if err != nil {
		return nil, err
	}
	var sets []Set
	for _, is := range report.Sets {
		s := Set{Name: is.Name, Size: is.Size, Before: is.PaddingBefore, After: is.PaddingAfter, Sentinel: is.Sentinel}
		for _, h := range had {
			if h.Name == is.Name {
				s.References = h.References
			}
		}
		captured := make(map[Reference]int)
		for _, f := range report.Findings {
			if f.Rule == padcheck.RuleCapturedReference && f.Set == is.Name && f.Target != nil {
				r := Reference{At: int64(*f.Target - is.Start), Name: f.Symbol, Captured: true}
				if f.Addend != nil {
					r.Name = offset(f.Symbol, *f.Addend)
				}
				captured[r]++
			}
		}
		for r, n := range captured {
			r.Count = n
			s.References = append(s.References, r)
		}
		sortReferences(s.References)
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	return sets, nil
}
