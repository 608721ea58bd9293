package padcheck_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// built is a module that a test makes to break one rule.
type built struct {
	arch   string
	source string
	cflags []string
	linker string   // ld.lld-19 unless said
	script string   // for stage 1
	stage2 []string // more flags for stage 2
	final  string   // a script for stage 2
	stage1 bool     // stop there
	// What is expected, loaded by a kernel of a profile (the newest unless
	// said) with its symbols as given ("" does without).
	profile string
	symbols string
	rule    string
	verdict padcheck.Verdict
	says    string
}

const sets = `__asm__(".globl __start_set_vnet, __stop_set_vnet, __start_set_pcpu, __stop_set_pcpu");
#define VNET __attribute__((section("set_vnet"), used))
`

const padded = "SECTIONS { set_vnet : ONLY_IF_RW { *(set_vnet) LONG(0x90909090) } }"

var builtModules = map[string]built{
	"no hash table": {arch: "i386", source: "int x; int f(void) { return x; }", stage2: []string{"--hash-style=gnu"},
		rule: loader.RuleNoHashTable, verdict: padcheck.Refused, says: "DT_GNU_HASH is unknown"},
	"stage 2 script of lld 13": {arch: "i386", source: sets + "int x; int f(void) { return x; }", linker: "ld.lld-13", final: padded,
		rule: padcheck.RuleBogusSetSymbols, verdict: padcheck.OK, says: "there is no section set_vnet"},
	"hidden set symbols": {arch: "i386", source: sets + "VNET int a[4]; int f(void) { return a[1]; }", script: padded, stage2: []string{"-z", "start-stop-visibility=hidden"},
		rule: padcheck.RuleBogusSetSymbols, verdict: padcheck.Broken, says: "not both __start_set_vnet"},
	"set symbols beside the set": {arch: "i386", source: "VNETS int a[4] __attribute__((section(\"set_vnet\"))); int f(void) { return a[1]; } __asm__(\".globl __start_set_vnet, __stop_set_vnet; __start_set_vnet = a + 4; __stop_set_vnet = a + 12\");",
		cflags: []string{"-DVNETS="}, profile: "12.1",
		rule: padcheck.RuleBogusSetSymbols, verdict: padcheck.Broken, says: "but the section lies from"},
	"too many segments": {arch: "i386", source: "int x = 1; int f(void) { return x; }",
		final:   "PHDRS { a PT_LOAD FILEHDR PHDRS; b PT_LOAD; c PT_LOAD; d PT_LOAD; e PT_LOAD; dyn PT_DYNAMIC; } SECTIONS { . = SIZEOF_HEADERS; .dynsym : { *(.dynsym) } :a .hash : { *(.hash) } .dynstr : { *(.dynstr) } .rel.dyn : { *(.rel.dyn) } :b .text : { *(.text) } :c .data : { *(.data) } :d .dynamic : { *(.dynamic) } :e :dyn }",
		rule:    loader.RuleTooManySegments,
		verdict: padcheck.Refused, says: "5 PT_LOAD segments"},
	"an interpreter": {arch: "i386", source: "int f(void) { return 1; } int _start(void) { return f(); }", stage2: []string{"-pie", "--dynamic-linker=/libexec/ld-elf.so.1"},
		rule: loader.RuleInterpreterRequested, verdict: padcheck.Refused, says: "PT_INTERP"},
	"headers outside the first segment": {arch: "aarch64", source: "int x; int f(void) { return x; }",
		final: "PHDRS { all PT_LOAD; dyn PT_DYNAMIC; } SECTIONS { . = 0; .dynsym : { *(.dynsym) } :all .hash : { *(.hash) } .dynstr : { *(.dynstr) } .rela.dyn : { *(.rela.dyn) } .text : { *(.text) } .data : { *(.data) } .dynamic : { *(.dynamic) } :all :dyn }",
		rule:  loader.RuleHeadersOutsideSegment, verdict: padcheck.Refused, says: "preload_protect"},
	"an amd64 stack protector": {arch: "amd64", source: "void g(char *); int f(void) { char b[64]; g(b); return b[1]; }", cflags: []string{"-fstack-protector-all", "-fPIC", "-mcmodel=small"},
		rule: loader.RuleUnknownRelocation, verdict: padcheck.Refused, says: "R_X86_64_"},
	"movw and movt": {arch: "armv7", source: "extern int x; int *f(void) { return &x; }", cflags: []string{"-mno-movt", "-fPIC"},
		rule: loader.RuleUnknownRelocation, verdict: padcheck.Refused, says: "R_ARM_GLOB_DAT (21)"},
	"powerpc call before 13": {arch: "powerpc", source: "int g(void); int f(void) { return g() + 1; }", cflags: []string{"-mno-longcall"}, profile: "12.1",
		rule: loader.RuleUnknownRelocation, verdict: padcheck.Refused, says: "R_PPC_JMP_SLOT (21)"},
	"an undefined symbol": {arch: "i386", source: "int known(void), unknown(void); int f(void) { return known() + unknown(); }", symbols: "known 0xc0100000\n",
		rule: loader.RuleUndefinedSymbol, verdict: padcheck.Refused, says: "nothing defines unknown"},
	"a full space": {arch: "i386", source: sets + "VNET int a[10000]; int f(void) { return a[1]; }", script: padded,
		rule: loader.RuleSetSpaceExhausted, verdict: padcheck.Refused, says: "holds 32768 bytes"},
	"alignment": {arch: "i386", source: sets + "VNET __attribute__((aligned(64))) int a[32]; int f(void) { return a[1]; }", script: padded,
		rule: padcheck.RuleSetMisaligned, verdict: padcheck.OK, says: "aligned to 64 bytes, but its space grants 4"},
	"a common symbol": {arch: "amd64", source: "int x; int f(void) { return x; }", cflags: []string{"-fcommon"},
		rule: loader.RuleCommonSymbol, verdict: padcheck.Broken, says: "x is a common symbol"},
	"a dropped addend": {arch: "riscv64", source: "extern int x[]; int *p = &x[3];", profile: "13.0",
		rule: loader.RuleAddendDropped, verdict: padcheck.Broken, says: "without the addend 0xc"},
	"no sentinel": {arch: "i386", source: sets + "VNET int a[4]; int f(void) { return a[1]; }",
		rule: loader.RuleMissingSentinel, verdict: padcheck.Refused, says: "does not end in the word 0x90909090"},
	"only padding": {arch: "i386", source: sets + "int f(void) { return 1; }", script: "SECTIONS { set_vnet : { *(set_vnet) LONG(0x90909090) } }",
		rule: padcheck.RuleEmptySetSection, verdict: padcheck.OK, says: "4 bytes of padding and no variable"},
	"the output of stage 1": {arch: "aarch64", source: "int x; int *f(void) { return &x; }", stage1: true,
		rule: padcheck.RuleNotShared, verdict: padcheck.Refused, says: "output of ld -r"},
	"not linked at zero": {arch: "i386", source: "int x = 1; int f(void) { return x; }", stage2: []string{"--image-base=0x10000"},
		rule: "", says: "can load modules linked at 0 only"},
}

// TestBuiltModules breaks one rule after the other with real compilers and
// linkers.
func TestBuiltModules(t *testing.T) {
	for name, b := range builtModules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ko := b.build(t, dir)
			opt := padcheck.Options{Profile: b.profile, KLD: padcheck.NoKLD}
			if b.symbols != "" {
				opt.Kernel = filepath.Join(dir, "symbols")
				require.NoError(t, os.WriteFile(opt.Kernel, []byte(b.symbols), 0o644))
			}
			s, err := padcheck.NewSession(opt)
			require.NoError(t, err)
			m, err := s.VerifyFile(ko)
			if b.rule == "" {
				require.ErrorContains(t, err, b.says)
				return
			}
			require.NoError(t, err)
			i := slices.IndexFunc(m.Findings, func(f padcheck.Finding) bool { return f.Rule == b.rule })
			require.GreaterOrEqual(t, i, 0, "%v", m.Findings)
			require.Contains(t, m.Findings[i].Message, b.says)
			require.Equal(t, b.verdict, m.Verdict, "%v", m.Findings)
		})
	}
}

func (b built) build(t *testing.T, dir string) string {
	t.Helper()
	a, err := arch.ByName(b.arch)
	require.NoError(t, err)
	linker := b.linker
	if linker == "" {
		linker = "ld.lld-19"
	}
	write := func(name, text string) string {
		if text == "" {
			return ""
		}
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	object, kld, ko := filepath.Join(dir, "m.o"), filepath.Join(dir, "m.kld"), filepath.Join(dir, "m.ko")
	args := append([]string{"--target=" + a.Target, "-O1", "-ffreestanding", "-fno-common", "-w"}, a.CFlags...)
	args = append(append(args, a.ClangCFlags...), b.cflags...)
	tool(t, "clang-19", append(args, "-c", write("m.c", b.source), "-o", object)...)
	emulation := a.Emulations[len(a.Emulations)-1]
	args = append([]string{"-m", emulation}, a.LDFlags...)
	one := slices.Clone(args)
	if script := write("stage1", b.script); script != "" {
		one = append(one, "-T", script)
	}
	tool(t, linker, append(one, "-r", "-o", kld, object)...)
	if a.Shape == arch.Relocatable || b.stage1 {
		return kld
	}
	two := append(args, "-z", "notext", "-z", "norelro")
	if !slices.Contains(b.stage2, "-pie") {
		two = append(two, "-Bshareable")
	}
	if !slices.ContainsFunc(b.stage2, func(s string) bool { return strings.HasPrefix(s, "--hash-style") }) {
		two = append(two, "--hash-style=sysv")
	}
	two = append(append(two, a.StageTwo...), b.stage2...)
	if script := write("stage2", b.final); script != "" {
		two = append(two, "-T", script)
	}
	tool(t, linker, append(two, "-o", ko, kld)...)
	return ko
}

// tool runs a program that a test needs.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("KMODPAD_REQUIRE") == "all" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	_, err = run.Run(context.Background(), run.Command{Path: path, Args: args})
	require.NoError(t, err)
}

// TestRules holds every rule to be complete.
func TestRules(t *testing.T) {
	for i, r := range padcheck.Rules {
		require.NotEmpty(t, r.Title, r.ID)
		require.NotEmpty(t, r.Meaning, r.ID)
		require.NotEmpty(t, r.Kernel, r.ID)
		require.NotEmpty(t, r.Mend, r.ID)
		require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, r.ID)
		if i > 0 {
			require.Less(t, padcheck.Rules[i-1].ID, r.ID)
		}
	}
	_, err := padcheck.RuleByID("no-such-rule")
	require.ErrorContains(t, err, "boundary-reference")
}

// witnessReport verifies the witness modules, which break several rules.
func witnessReport(t *testing.T) *padcheck.Report {
	t.Helper()
	files, err := filepath.Glob("../testdata/witness/*/mix.ko")
	require.NoError(t, err)
	report, err := padcheck.Verify(context.Background(), files, padcheck.Options{Profile: "12.1"})
	require.NoError(t, err)
	require.Len(t, report.Modules, 7)
	return report
}

// TestJSON holds the report to the schema that other programs rely on.
func TestJSON(t *testing.T) {
	report := witnessReport(t)
	var out strings.Builder
	require.NoError(t, report.Write(&out, "json", false))
	var raw map[string]any
	require.NoError(t, json.Unmarshal([]byte(out.String()), &raw))
	require.EqualValues(t, 1, raw["schema"])
	summary := raw["summary"].(map[string]any)
	require.EqualValues(t, 7, summary["modules"])
	require.EqualValues(t, report.Summary.Errors, summary["errors"])
	require.EqualValues(t, report.Summary.Warnings, summary["warnings"])
	for _, m := range raw["modules"].([]any) {
		module := m.(map[string]any)
		for _, field := range []string{"path", "arch", "loader", "verdict", "sets", "findings"} {
			require.Contains(t, module, field)
		}
		for _, f := range module["findings"].([]any) {
			finding := f.(map[string]any)
			for _, field := range []string{"rule", "severity", "message", "mend"} {
				require.Contains(t, finding, field)
			}
			if place, ok := finding["place"]; ok {
				require.Regexp(t, `^0x[0-9a-f]+$`, place)
			}
		}
	}
	var back padcheck.Report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &back))
	var again strings.Builder
	require.NoError(t, back.Write(&again, "json", false))
	require.Equal(t, out.String(), again.String())
}

// TestStream holds reports that are written while the modules are verified
// equal to those written at the end.
func TestStream(t *testing.T) {
	files, err := filepath.Glob("../testdata/witness/*/mix.ko")
	require.NoError(t, err)
	for _, format := range padcheck.Formats {
		for _, files := range [][]string{nil, files[:1], files} {
			opt := padcheck.Options{Profile: "12.1"}
			report, err := padcheck.Verify(context.Background(), files, opt)
			require.NoError(t, err)
			var whole, stream strings.Builder
			require.NoError(t, report.Write(&whole, format, false))
			sum, err := padcheck.VerifyTo(context.Background(), &stream, format, false, files, opt)
			require.NoError(t, err)
			require.Equal(t, whole.String(), stream.String(), "%s of %d files", format, len(files))
			require.Equal(t, report.Summary, sum)
		}
	}
	_, err = padcheck.VerifyTo(context.Background(), io.Discard, "json", false, append(files, "nothing.ko"), padcheck.Options{})
	require.ErrorContains(t, err, "nothing.ko")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = padcheck.VerifyTo(ended, io.Discard, "text", false, files, padcheck.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestSARIF validates against the schema of SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	report := witnessReport(t)
	var out strings.Builder
	require.NoError(t, report.Write(&out, "sarif", false))
	parsed, err := sarif.FromBytes([]byte(out.String()))
	require.NoError(t, err)
	require.NoError(t, parsed.Validate())
	require.Len(t, parsed.Runs, 1)
	require.Len(t, parsed.Runs[0].Results, report.Summary.Errors+report.Summary.Warnings)
	var again strings.Builder
	require.NoError(t, witnessReport(t).Write(&again, "sarif", false))
	require.Equal(t, out.String(), again.String(), "the same input gives the same bytes")
}

// TestJUnit looks at the failures.
func TestJUnit(t *testing.T) {
	report := witnessReport(t)
	var out strings.Builder
	require.NoError(t, report.Write(&out, "junit", false))
	failed := 0
	for _, m := range report.Modules {
		if m.Verdict != padcheck.OK {
			failed++
		}
	}
	require.Equal(t, 7, strings.Count(out.String(), "<testcase "))
	require.Equal(t, failed, strings.Count(out.String(), "<failure "))
	require.Contains(t, out.String(), "unrelocated-initialiser")
}

// TestText has no escapes without colour, and only then.
func TestText(t *testing.T) {
	report := witnessReport(t)
	var plain, coloured strings.Builder
	require.NoError(t, report.WriteText(&plain, false))
	require.NoError(t, report.WriteText(&coloured, true))
	require.NotContains(t, plain.String(), "\x1b")
	require.Contains(t, coloured.String(), "\x1b[31m")
	require.Contains(t, plain.String(), "7 modules: ")
}
