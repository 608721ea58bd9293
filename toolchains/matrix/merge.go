package matrix

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Merge joins the results of the shards of a plan. Cells that several of them
// hold must agree. All errors that there are come joined: cells that disagree,
// cells that are in no plan, and cells of the plan that are missing, which are
// named. The plan may be nil when it is not known; then none are missing.
func Merge(p *Plan, parts ...*Matrix) (*Matrix, error) {
	merged := &Matrix{Schema: Schema, Toolchains: []Toolchain{}, Cells: []Cell{}}
	byPlace := make(map[Coordinates]Cell)
	var order []Coordinates
	var disagree, strangers, missing []string
	for _, part := range parts {
		merged.Toolchains = append(merged.Toolchains, part.Toolchains...)
		for _, c := range part.Cells {
			was, ok := byPlace[c.Coordinates]
			switch {
			case !ok:
				byPlace[c.Coordinates] = c
				order = append(order, c.Coordinates)
			case !reflect.DeepEqual(was, c):
				disagree = append(disagree, fmt.Sprintf("%s (%s: %s; %s: %s)", c.Coordinates, was.State, was.Why(), c.State, c.Why()))
			}
		}
	}
	if p == nil {
		for _, at := range order {
			merged.Cells = append(merged.Cells, byPlace[at])
		}
	} else {
		p.Each(func(at Coordinates) {
			c, ok := byPlace[at]
			if !ok {
				missing = append(missing, at.String())
				return
			}
			merged.Cells = append(merged.Cells, c)
			delete(byPlace, at)
		})
		for _, at := range order {
			if _, left := byPlace[at]; left {
				strangers = append(strangers, at.String())
			}
		}
	}
	merged.complete()
	return merged, errors.Join(
		complain("cells have different results in different parts", disagree),
		complain("cells are in no plan", strangers),
		complain("cells are missing", missing))
}

// complain makes an error of a list of cells; nil when it is empty.
func complain(what string, cells []string) error {
	if len(cells) == 0 {
		return nil
	}
	return fmt.Errorf("%d %s:\n  %s", len(cells), what, strings.Join(first(cells, 20), "\n  "))
}
