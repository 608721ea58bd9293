package matrix

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Schema is the version of matrix.json and plan.json. It grows when a field
// changes its meaning or goes away, not when one is added.
const Schema = 1

// Matrix is the result of a run, as matrix.json holds it:
//
//	{
//	  "schema": 1,
//	  "toolchains": [{"name": "clang-19", "version": "19.1.7"}],
//	  "cells": [{
//	    "arch": "i386", "compiler": "clang-19", "options": "-O2 -march=i486",
//	    "linker": "ld.lld-19", "strategy": "constraint", "case": "below",
//	    "state": "broken", "outside": 8, "rules": ["reference-below-set"],
//	    "added": 4, "sets": [...]
//	  }],
//	  "summary": {"cells": 1, "states": {"broken": 1}}
//	}
//
// [Cell], [Result], [Set] and [Reference] say what the fields mean. Cells are in
// the order of the plan; the same programs and sources give the same file, byte
// for byte.
type Matrix struct {
	Schema     int         `json:"schema"`
	Toolchains []Toolchain `json:"toolchains"`
	Cells      []Cell      `json:"cells"`
	Summary    Summary     `json:"summary"`
}

// Toolchain is a compiler or linker of the matrix.
type Toolchain struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Summary counts what a matrix holds.
type Summary struct {
	Cells  int           `json:"cells"`
	States map[State]int `json:"states"`
}

func newMatrix(p *Plan, tools *Tools, cells []Cell) *Matrix {
	m := &Matrix{Schema: Schema, Toolchains: []Toolchain{}, Cells: cells}
	var names []string
	for _, b := range p.Builds {
		if !slices.Contains(names, b.Compiler) {
			names = append(names, b.Compiler)
		}
	}
	for _, name := range append(names, p.Linkers...) {
		m.Toolchains = append(m.Toolchains, Toolchain{name, tools.version(name)})
	}
	m.complete()
	return m
}

// complete sorts the programs and counts the cells.
func (m *Matrix) complete() {
	slices.SortFunc(m.Toolchains, func(a, b Toolchain) int {
		return cmp.Or(compareNumbers(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	m.Toolchains = slices.Compact(m.Toolchains)
	m.Summary = Summary{Cells: len(m.Cells), States: make(map[State]int)}
	for _, c := range m.Cells {
		m.Summary.States[c.State]++
	}
}

// WriteJSON writes the matrix for programs.
func (m *Matrix) WriteJSON(w io.Writer) error { return writeJSON(w, m) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Read reads a matrix.json.
func Read(r io.Reader) (*Matrix, error) {
	m := &Matrix{}
	if err := json.NewDecoder(r).Decode(m); err != nil {
		return nil, fmt.Errorf("no matrix.json: %w", err)
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("a matrix.json of schema %d, but this program reads %d", m.Schema, Schema)
	}
	seen := make(map[Coordinates]bool, len(m.Cells))
	for _, c := range m.Cells {
		if !slices.Contains(States, c.State) {
			return nil, fmt.Errorf("cell %s has the state %q, which there is none of", c.Coordinates, c.State)
		}
		if seen[c.Coordinates] {
			return nil, fmt.Errorf("cell %s is there twice", c.Coordinates)
		}
		seen[c.Coordinates] = true
	}
	return m, nil
}

// Axis lists the values of one axis in the order of the cells.
func (m *Matrix) Axis(of func(Coordinates) string) []string {
	var values []string
	seen := make(map[string]bool)
	for _, c := range m.Cells {
		if v := of(c.Coordinates); !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}

// Only is the part of the matrix whose cells pass.
func (m *Matrix) Only(pass func(Cell) bool) *Matrix {
	part := &Matrix{Schema: m.Schema, Toolchains: slices.Clone(m.Toolchains), Cells: []Cell{}}
	for _, c := range m.Cells {
		if pass(c) {
			part.Cells = append(part.Cells, c)
		}
	}
	part.complete()
	return part
}
