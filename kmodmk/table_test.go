package kmodmk

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
)

func finding(rule string, severity padcheck.Severity) padcheck.Finding {
	return padcheck.Finding{Rule: rule, Severity: severity, Message: "it is so", Mend: "do this"}
}

func TestVerdict(t *testing.T) {
	report := func(v padcheck.Verdict, findings ...padcheck.Finding) *padcheck.Module {
		return &padcheck.Module{Path: "x.ko", Verdict: v, Findings: findings}
	}
	past := finding("reference-past-padding", padcheck.Error)
	warning := finding("captured-reference", padcheck.Warning)
	for name, test := range map[string]struct {
		row     Row
		verdict string
		good    bool
		reasons []string
	}{
		"ok":      {Row{Report: report(padcheck.OK)}, "ok", true, nil},
		"warned":  {Row{Report: report(padcheck.OK, warning)}, "ok", true, nil},
		"broken":  {Row{Report: report(padcheck.Broken, past, past, past)}, "broken", false, []string{"reference-past-padding: it is so", "mend: do this", "and 2 more: padcheck verify x.ko"}},
		"refused": {Row{Report: report(padcheck.Refused, past)}, "refused", false, []string{"reference-past-padding: it is so", "mend: do this"}},
		"meant":   {Row{Report: report(padcheck.Broken, past, past), Expect: []string{"reference-past-padding"}}, "broken, as expected", true, nil},
		"another": {Row{Report: report(padcheck.Broken, past, finding("boundary-reference", padcheck.Error)), Expect: []string{"reference-past-padding"}}, "broken", false, []string{"boundary-reference: it is so", "mend: do this"}},
		"absent":  {Row{Report: report(padcheck.OK), Expect: []string{"reference-past-padding"}}, "not as expected", false, []string{"expected a finding of reference-past-padding, but there is none"}},
		"failed":  {Row{Err: errors.New("ld: no")}, "failed", false, []string{"ld: no"}},
		"strange": {Row{Report: report(padcheck.Broken)}, "broken", false, []string{"the verdict is broken without an error that says why"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.verdict, test.row.Verdict())
			require.Equal(t, test.good, test.row.Good())
			if !test.good {
				require.Equal(t, test.reasons, test.row.Reasons())
			}
		})
	}
}

func TestPrint(t *testing.T) {
	result := &Result{Ran: 7, Rows: []*Row{
		{
			Module: "carp", Arch: "i386", Compiler: "clang-19", Linker: "ld.lld-19", Asked: "auto", Strategy: "constraint", Why: "4 B are enough",
			Report: &padcheck.Module{Verdict: padcheck.OK, Sets: []padcheck.Set{{Name: "set_vnet", Size: 68, PaddingAfter: 4}}},
		},
		{
			Module: "table", Arch: "i386", Compiler: "clang-19", Linker: "ld.bfd", Asked: "constraint", Strategy: "constraint",
			Report: &padcheck.Module{Verdict: padcheck.Broken, Findings: []padcheck.Finding{finding("reference-past-padding", padcheck.Error)},
				Sets: []padcheck.Set{{Name: "set_vnet", Size: 164, PaddingBefore: 32, PaddingAfter: 4}, {Name: "set_pcpu", Size: 8, PaddingAfter: 4}}},
		},
		{
			Module: "far", Arch: "i386", Compiler: "clang-19", Linker: "ld.bfd", Asked: "auto", Strategy: "constraint",
			Why: "refused: set_vnet needs 9999+4 B, max is 4096", Refused: errors.New("too far\nmend: come nearer"),
			Report: &padcheck.Module{Verdict: padcheck.OK, Sets: []padcheck.Set{{Name: "set_vnet", Size: 8, PaddingAfter: 4}}},
		},
		{Module: "lost", Arch: "armv7", Err: errors.New("no linker")},
	}}
	var b bytes.Buffer
	require.NoError(t, result.Print(&b, false))
	require.Equal(t, `module  arch   compiler  linker     strategy                                             sets                  padding              verdict
carp    i386   clang-19  ld.lld-19  auto: constraint (4 B are enough)                    pcpu -, vnet 68 B     vnet 0+4             ok
table   i386   clang-19  ld.bfd     constraint                                           pcpu 8 B, vnet 164 B  pcpu 0+4, vnet 32+4  broken
far     i386   clang-19  ld.bfd     auto: refused: set_vnet needs 9999+4 B, max is 4096  pcpu -, vnet 8 B      vnet 0+4             not padded
lost    armv7  -         -          -                                                    -                     -                    failed

table, i386, clang-19, ld.bfd:
    reference-past-padding: it is so
    mend: do this

far, i386, clang-19, ld.bfd:
    too far
    mend: come nearer

lost, armv7:
    no linker

1 of 4 good; 7 commands run
`, b.String())

	b.Reset()
	require.NoError(t, result.Print(&b, true))
	require.Contains(t, b.String(), "\x1b[32mok\x1b[0m\n")
	require.Contains(t, b.String(), "\x1b[31mbroken\x1b[0m\n")
}
