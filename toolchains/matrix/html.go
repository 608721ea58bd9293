package matrix

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/templates"
)

// pageData is what the page's script reads. A matrix says the same thing over and
// over, so that cells are numbers that point into lists: the page of ten
// thousand cells is half a megabyte.
type pageData struct {
	Summary    string              `json:"summary"`
	Toolchains []string            `json:"toolchains"`
	Axes       map[string][]string `json:"axes"`
	Texts      []string            `json:"texts"`
	Sets       [][]Set             `json:"sets"`
	Cells      [][]int             `json:"cells"`
}

// WriteHTML writes the matrix as one page that needs nothing else: a heat map in
// which every cell opens and shows its sets drawn to scale.
func (m *Matrix) WriteHTML(w io.Writer) error {
	p := pageData{
		Summary: m.Summary.String(),
		Axes: map[string][]string{
			"arch": m.archs(), "compiler": m.compilers(), "linker": m.linkers(), "strategy": m.strategies(),
			"options": m.Axis(func(c Coordinates) string { return c.Options }),
			"case":    m.Axis(func(c Coordinates) string { return c.Case }),
		},
		Texts: []string{""}, Sets: [][]Set{nil}, Cells: [][]int{},
	}
	for _, t := range m.Toolchains {
		p.Toolchains = append(p.Toolchains, t.Name+" is "+t.Version)
	}
	for _, s := range States {
		p.Axes["state"] = append(p.Axes["state"], string(s))
	}
	texts := map[string]int{"": 0}
	text := func(s string) int {
		if _, ok := texts[s]; !ok {
			texts[s] = len(p.Texts)
			p.Texts = append(p.Texts, s)
		}
		return texts[s]
	}
	pictures := make(map[string]int)
	sets := func(list []Set) (int, error) {
		if len(list) == 0 {
			return 0, nil
		}
		k, err := json.Marshal(list)
		if err != nil {
			return 0, err
		}
		if _, ok := pictures[string(k)]; !ok {
			pictures[string(k)] = len(p.Sets)
			p.Sets = append(p.Sets, list)
		}
		return pictures[string(k)], nil
	}
	for _, c := range m.Cells {
		at := func(axis, value string) int { return slices.Index(p.Axes[axis], value) }
		drawn, err := sets(c.Sets)
		if err != nil {
			return err
		}
		p.Cells = append(p.Cells, []int{
			at("arch", c.Arch), at("compiler", c.Compiler), at("options", c.Options), at("linker", c.Linker),
			at("strategy", c.Strategy), at("case", c.Case), at("state", string(c.State)), c.Outside, int(c.Added),
			text(strings.Join(c.Rules, ", ")), text(c.Reason), text(strings.Join(c.Left, ", ")),
			c.LinkWarnings, text(c.LinkWarning), drawn,
		})
	}
	// Marshal writes <, > and & as \u003c and so on, so that no text of a
	// toolchain ends the script or begins another.
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	html, err := templates.Render("matrix.html", struct{ Data string }{string(data)})
	if err != nil {
		return err
	}
	_, err = w.Write(html)
	return err
}
