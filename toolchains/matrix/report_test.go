package matrix

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/stretchr/testify/require"
)

// crashing is the sample matrix with what must not be.
func crashing() *Matrix {
	m := sampleMatrix()
	m.Cells[1].Result = Result{State: Broken, Outside: 2, Rules: []string{"reference-below-set"}}
	m.Cells = append(m.Cells, Cell{
		Coordinates{"i386", "clang-19", "-O2", "ld.lld-19", "upstream", "below"},
		Result{State: Crashed, Reason: "link stage 1: ld.lld-19: signal: segmentation fault: a | b <x>\x01\nmore"},
	})
	m.complete()
	return m
}

func TestDefects(t *testing.T) {
	require.Empty(t, sampleMatrix().Defects())
	require.Len(t, crashing().Defects(), 2)
	// What no padding mends is no failure of a strategy.
	c := sampleMatrix().Cells[1]
	c.State, c.Rules = Broken, []string{"unvirtualised-reference"}
	require.False(t, c.Defect())
	c.Rules = []string{"boundary-reference", "unvirtualised-reference"}
	require.True(t, c.Defect())
	c.State, c.Rules = Failed, nil
	require.True(t, c.Defect())
	c.Unlinkable = true
	require.False(t, c.Defect(), "the linker takes it with no strategy")
	c.State, c.Unlinkable = Broken, false
	require.True(t, c.Defect(), "a verdict without a reason is none to be waved through")
}

func TestText(t *testing.T) {
	var b strings.Builder
	require.NoError(t, sampleMatrix().WriteText(&b))
	require.Contains(t, b.String(), "-O2      below                        0/1   1/1")
	require.Contains(t, b.String(), "(not for this architecture)")
	require.Contains(t, b.String(), "3 cells: 1 ok, 1 refused, 1 impossible")
	b.Reset()
	require.NoError(t, sampleMatrix().Only(Cell.Failing).WriteCells(&b))
	require.Equal(t, 3, strings.Count(b.String(), "\n"), "head, one cell, summary")
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, crashing().WriteJUnit(&b))
	var suites struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Skipped  int    `xml:"skipped,attr"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	require.Len(t, suites.Suites, 2)
	i386, amd64 := suites.Suites[0], suites.Suites[1]
	require.Equal(t, []int{3, 1, 1, 0}, []int{i386.Tests, i386.Failures, i386.Errors, i386.Skipped})
	require.Equal(t, []int{1, 0, 0, 1}, []int{amd64.Tests, amd64.Failures, amd64.Errors, amd64.Skipped})
}

// TestSARIF validates against the schema of SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, crashing().WriteSARIF(&b))
	report, err := sarif.FromBytes(b.Bytes())
	require.NoError(t, err)
	require.NoError(t, report.Validate())
	results := report.Runs[0].Results
	require.Len(t, results, 2)
	require.Equal(t, "error", results[0].Level)
	require.Equal(t, "testdata/samples/below.c", *results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI)
	b.Reset()
	require.NoError(t, sampleMatrix().WriteSARIF(&b))
	report, err = sarif.FromBytes(b.Bytes())
	require.NoError(t, err)
	require.NoError(t, report.Validate())
	require.Empty(t, report.Runs[0].Results)
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	require.NoError(t, crashing().WriteMarkdown(&b))
	require.Contains(t, b.String(), `a \| b &lt;x>`)
	b.Reset()
	require.NoError(t, sampleMatrix().WriteResults(&b))
	require.Contains(t, b.String(), "| clang-19 | 19.1.7 |")
	require.Contains(t, b.String(), "| i386 | all | below | cures all |\n| amd64 | not tried |  | - |")
	require.Contains(t, b.String(), "| i386 | clang-19 | below |")
	require.Contains(t, b.String(), "| i386 | ld.lld-19 | 0/1 | 1/1 |")
	require.Contains(t, b.String(), "| measured | ld.lld-19 | 36 | 0 of 1 modules |")
	require.Contains(t, b.String(), "does not compile for amd64")
}

func TestJSON(t *testing.T) {
	text := jsonOf(t, crashing())
	m, err := Read(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, crashing(), m)
	for _, bad := range []string{
		"", "[]", `{"schema":2}`, strings.Replace(text, `"broken"`, `"odd"`, 1),
		strings.Replace(text, `"upstream"`, `"measured"`, 1), text[:len(text)/2],
	} {
		_, err := Read(strings.NewReader(bad))
		require.Error(t, err)
	}
}

func TestMerge(t *testing.T) {
	m := crashing()
	half := func(odd int) *Matrix {
		i := 0
		return m.Only(func(Cell) bool { i++; return i%2 == odd })
	}
	merged, err := Merge(nil, half(1), half(0), half(1))
	require.NoError(t, err, "what overlaps and agrees is fine")
	require.ElementsMatch(t, m.Cells, merged.Cells)
	require.Equal(t, m.Toolchains, merged.Toolchains)

	other := half(1)
	other.Cells[0].State = OK
	_, err = Merge(nil, half(1), other)
	require.ErrorContains(t, err, "different results")
	require.ErrorContains(t, err, m.Cells[0].Coordinates.String())

	p := &Plan{Schema: Schema, Linkers: []string{"ld.lld-19"}, Strategies: []string{"none", "measured"},
		Builds: []Build{{"i386", "clang-19", "-O2", "below"}, {"amd64", "clang-19", "-O2", "below"}}}
	_, err = Merge(p, m)
	require.ErrorContains(t, err, "1 cells are in no plan")
	require.ErrorContains(t, err, "i386/clang-19/-O2/ld.lld-19/upstream/below")
	require.ErrorContains(t, err, "1 cells are missing")
	require.ErrorContains(t, err, "amd64/clang-19/-O2/ld.lld-19/measured/below")
}

func TestDiff(t *testing.T) {
	said := func(before, after *Matrix) string {
		var b strings.Builder
		require.NoError(t, Diff(before, after).WriteText(&b))
		return b.String()
	}
	require.Equal(t, "Nothing changed.\n", said(sampleMatrix(), sampleMatrix()))

	worse := Diff(sampleMatrix(), crashing())
	require.Len(t, worse.Worse, 2)
	require.Contains(t, worse.Worse[0], "strategy measured stopped working: below on i386 is broken (reference-below-set), and was ok")
	require.Contains(t, worse.Worse[0], "with clang-19 -O2 ld.lld-19")
	require.Contains(t, worse.Worse[1], "segmentation fault")
	require.Empty(t, worse.Better)
	better := Diff(crashing(), sampleMatrix())
	require.Empty(t, better.Worse)
	require.Contains(t, better.Better[0], "newly cured by strategy measured")
	require.Contains(t, better.Other, "1 cells are only in the old matrix")

	sound := sampleMatrix()
	for i := range sound.Cells {
		sound.Cells[i].Outside = 0
	}
	sound.Cells[0].Rules = []string{"missing-sentinel"}
	sound.Toolchains[0].Version = "19.1.6"
	text := said(sound, sampleMatrix())
	require.Contains(t, text, "newly affected: below on i386 has references that leave their set")
	require.Contains(t, text, "below on i386 with strategy none is refused (missing-sentinel, reference-below-set), and was refused (missing-sentinel)")
	require.Contains(t, text, "clang-19 went from 19.1.6 to 19.1.7")
	require.Contains(t, said(sampleMatrix(), sound), "no longer affected")

	left := sampleMatrix()
	left.Cells[1].Left = []string{"set_pcpu"}
	require.Contains(t, said(sampleMatrix(), left), "leaves set_pcpu behind")
	possible := sampleMatrix()
	possible.Cells[2].Result = Result{State: OK}
	require.Empty(t, Diff(possible, sampleMatrix()).Worse, "a machine that lacks a program is no worse")
}
