package padcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reference"
)

// MeasureReport is what the references of some objects need.
type MeasureReport struct {
	Schema int            `json:"schema"`
	Files  []*MeasureFile `json:"files"`
	// Needs is the padding that does for all files together, whatever their
	// order in the link.
	Needs []SetNeed `json:"needs"`
	Guard Guard     `json:"guard"`
}

// Guard is how wide the guards outside of the sets must be, in bytes.
type Guard struct {
	Before uint64 `json:"before"`
	After  uint64 `json:"after"`
}

// SetNeed is the padding that a set needs, in bytes.
type SetNeed struct {
	Set    string `json:"set"`
	Size   uint64 `json:"size"`
	Before uint64 `json:"before"`
	After  uint64 `json:"after"`
}

// MeasureFile is the measurement of one file.
type MeasureFile struct {
	Path  string        `json:"path"`
	Arch  string        `json:"arch"`
	Sets  []MeasuredSet `json:"sets"`
	Other []Leaving     `json:"sections"`
	Guard Guard         `json:"guard"`
}

// MeasuredSet is one set of a file.
type MeasuredSet struct {
	SetNeed
	Align      uint64     `json:"align"`
	References int        `json:"references"`
	PastKernel int        `json:"past_kernel"`
	Lowest     *int64     `json:"lowest,omitempty"`
	Highest    *int64     `json:"highest,omitempty"`
	Causes     []CauseRef `json:"causes"`
}

// Leaving is a section that references leave.
type Leaving struct {
	Section string     `json:"section"`
	Below   uint64     `json:"below"`
	Above   uint64     `json:"above"`
	Causes  []CauseRef `json:"causes"`
}

// CauseRef is a reference that reaches outside.
type CauseRef struct {
	Section string `json:"section"`
	Place   Addr   `json:"place"`
	Where   string `json:"where"`
	Symbol  string `json:"symbol"`
	Addend  int64  `json:"addend"`
	Target  int64  `json:"target"`
	Type    string `json:"type"`
	Line    string `json:"line,omitempty"`
}

// Measure measures the references of .o and .kld files.
func Measure(files []string) (*MeasureReport, error) {
	r := &MeasureReport{Schema: Schema, Files: []*MeasureFile{}, Needs: []SetNeed{}}
	var errs []error
	for _, path := range files {
		m, err := measureFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.add(m)
	}
	return r, errors.Join(errs...)
}

func measureFile(path string) (*reference.Measurement, error) {
	f, err := object.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return reference.Measure(f, loader.SetNames)
}

func (r *MeasureReport) add(m *reference.Measurement) {
	f := &MeasureFile{Path: m.File, Arch: m.Arch, Sets: []MeasuredSet{}, Other: []Leaving{}, Guard: Guard{m.GuardBefore, m.GuardAfter}}
	for i := range m.Sets {
		n := &m.Sets[i]
		s := MeasuredSet{
			SetNeed: SetNeed{n.Set, n.Size, n.Before, n.After},
			Align:   n.Align, References: n.Count, PastKernel: n.PastKernel, Causes: causeRefs(n.Causes),
		}
		if n.Any {
			s.Lowest, s.Highest = &n.Low, &n.High
		}
		f.Sets = append(f.Sets, s)
		r.need(s.SetNeed)
	}
	for _, o := range m.Other {
		f.Other = append(f.Other, Leaving{o.Section, o.Below, o.Above, causeRefs(o.Causes)})
	}
	r.Guard.Before = max(r.Guard.Before, m.GuardBefore)
	r.Guard.After = max(r.Guard.After, m.GuardAfter)
	r.Files = append(r.Files, f)
}

func (r *MeasureReport) need(n SetNeed) {
	for i := range r.Needs {
		if have := &r.Needs[i]; have.Set == n.Set {
			have.Size += n.Size
			have.Before, have.After = max(have.Before, n.Before), max(have.After, n.After)
			return
		}
	}
	r.Needs = append(r.Needs, n)
}

func causeRefs(causes []reference.Cause) []CauseRef {
	refs := make([]CauseRef, 0, len(causes))
	for _, c := range causes {
		refs = append(refs, CauseRef{
			Section: c.Section, Place: Addr(c.Offset), Where: plus(c.In.Name, c.In.Offset),
			Symbol: c.Symbol, Addend: c.Addend, Target: c.Target, Type: c.Type,
			Line: sourceLine(c.File, c.Section, c.Offset),
		})
	}
	return refs
}

// WriteJSON writes the report for programs.
func (r *MeasureReport) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteText writes the report for people.
func (r *MeasureReport) WriteText(w io.Writer) error {
	t := &text{w: w}
	for _, f := range r.Files {
		t.printf("%s  (%s)\n", quotedPath(f.Path), f.Arch)
		for _, s := range f.Sets {
			t.measured(s)
		}
		if len(f.Sets) == 0 {
			t.printf("  no virtualised or per-CPU variables\n")
		}
		for _, o := range f.Other {
			t.printf("  %s is left by %d B below and %d B above\n", quoted(o.Section), o.Below, o.Above)
			t.causes(o.Causes)
		}
		if f.Guard != (Guard{}) && len(f.Sets) > 0 {
			t.printf("  guards needed next to such sections: %d B before a set, %d B after\n", f.Guard.Before, f.Guard.After)
		}
	}
	if len(r.Files) > 1 {
		for _, n := range r.Needs {
			t.printf("all together: %s needs %d B before and %d B after\n", n.Set, n.Before, n.After)
		}
	}
	return t.err
}

func (t *text) measured(s MeasuredSet) {
	t.printf("  %s  %d B, %s", s.Set, s.Size, count(s.References, "reference"))
	if s.Lowest != nil {
		t.printf(" from %s to %s", signedHex(*s.Lowest), signedHex(*s.Highest))
	}
	switch {
	case s.Before == 0 && s.After == 0:
		t.printf(": all inside, no padding needed\n")
	case s.Before == 0 && s.After <= 4:
		t.printf(": needs %d B of padding after, which the fixed four bytes are\n", s.After)
	default:
		t.printf(": needs %d B of padding before and %d B after, in every instance\n", s.Before, s.After)
	}
	if s.PastKernel > 0 {
		t.printf("    %s resolved by the linker for good, which no padding helps (see padcheck explain %s)\n", count(s.PastKernel, "more reference"), RuleUnvirtualisedReference)
	}
	t.causes(s.Causes)
}

func (t *text) causes(causes []CauseRef) {
	for _, c := range causes {
		line := ""
		if c.Line != "" {
			line = " at " + c.Line
		}
		t.printf("    %s%s (%s %v) refers to %s, offset %s\n", c.Where, line, quoted(c.Section), c.Place, plus(c.Symbol, c.Addend), signedHex(c.Target))
	}
}

// describeCause names a reference in one line, for errors.
func (c CauseRef) String() string {
	line := c.Where
	if c.Line != "" {
		line += " at " + c.Line
	}
	return fmt.Sprintf("%s refers to %s", line, plus(c.Symbol, c.Addend))
}
