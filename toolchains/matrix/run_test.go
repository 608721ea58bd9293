package matrix

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is what is installed here, found once, with a cache of its own.
var machine = sync.OnceValues(func() (*Tools, error) {
	dir, err := os.MkdirTemp("", "kmodpad-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	found, err := Find(context.Background(), NewCache(dir), os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	return NewTools(found), nil
})

// realTools are this machine's tools, and the names of one compiler and one
// linker for i386; without them the test is skipped by name.
func realTools(t *testing.T) (tools *Tools, compiler, linker string) {
	t.Helper()
	tools, err := machine()
	require.NoError(t, err)
	at := tools.archs["i386"]
	for _, c := range at.compilers {
		if strings.HasPrefix(c.label, "clang-") {
			compiler = c.label
		}
	}
	for _, l := range at.linkers {
		if strings.HasPrefix(l.label, "ld.lld-") {
			linker = l.label
		}
	}
	if compiler == "" || linker == "" || at.objcopy == "" {
		if os.Getenv("KMODPAD_REQUIRE") == "all" {
			t.Fatal("clang, ld.lld and objcopy for i386 are not installed, but KMODPAD_REQUIRE=all requires them")
		}
		t.Skip("clang, ld.lld and objcopy for i386 are not installed")
	}
	return tools, compiler, linker
}

func smallPlan(compiler string, linkers ...string) *Plan {
	return &Plan{
		Schema: Schema, Linkers: linkers, Strategies: []string{"none", "upstream", "constraint", "measured"},
		Builds: []Build{
			{"i386", compiler, "-O1 -march=i486", "end_data"},
			{"i386", compiler, "-O1 -march=i486", "below"},
			{"i386", compiler, "-O1 -march=i486", "neither"},
			{"amd64", "no-such-compiler", "-O2", "below"},
		},
	}
}

func mustRun(t *testing.T, p *Plan, tools *Tools, opt Options) (*Matrix, Ran) {
	t.Helper()
	m, ran, err := Run(t.Context(), p, tools, opt)
	require.NoError(t, err)
	return m, ran
}

func (m *Matrix) cell(t *testing.T, strategy, sample string) Cell {
	t.Helper()
	for _, c := range m.Cells {
		if c.Strategy == strategy && c.Case == sample && c.Arch == "i386" {
			return c
		}
	}
	t.Fatalf("no cell %s/%s", strategy, sample)
	return Cell{}
}

func jsonOf(t *testing.T, m *Matrix) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, m.WriteJSON(&b))
	return b.String()
}

func TestRun(t *testing.T) {
	tools, compiler, linker := realTools(t)
	p := smallPlan(compiler, linker, "ld.none-1")
	cacheDir := t.TempDir()
	cache := NewCache(cacheDir)
	told := 0
	m, ran := mustRun(t, p, tools, Options{Cache: cache, Done: func(Cell) { told++ }})
	require.Equal(t, p.Cells(), told)
	require.Equal(t, 3, ran.Compiled, "compiled once for all linkers and strategies")
	require.NotZero(t, ran.Linked)

	c := m.cell(t, "none", "below")
	require.Equal(t, Refused, c.State)
	require.Contains(t, c.Rules, "reference-below-set")
	require.Positive(t, c.Outside)
	require.True(t, slices.ContainsFunc(c.Sets[0].References, func(r Reference) bool { return r.At == -32 }))
	require.True(t, c.Affected())
	c = m.cell(t, "constraint", "below")
	require.Equal(t, Broken, c.State)
	require.False(t, c.Defect(), "constraint is not meant to cure it")
	require.EqualValues(t, 4, c.Added)
	c = m.cell(t, "measured", "below")
	require.Equal(t, OK, c.State)
	require.Positive(t, c.Outside, "that it was needed is still known")
	require.EqualValues(t, 32, c.Sets[0].Before)
	require.EqualValues(t, 36, c.Added)
	for _, r := range c.Sets[0].References {
		require.True(t, c.Sets[0].Inside(r))
	}
	require.Equal(t, []string{"set_pcpu", "set_vnet"}, m.cell(t, "upstream", "neither").Left)
	require.Empty(t, m.cell(t, "constraint", "neither").Left)
	require.Equal(t, 8, m.Only(func(c Cell) bool { return strings.Contains(c.Reason, "does not compile for amd64") }).Summary.States[Impossible])
	require.Equal(t, 12, m.Only(func(c Cell) bool { return strings.Contains(c.Reason, "ld.none-1 here has no emulation for i386") }).Summary.States[Impossible])
	require.Empty(t, m.Defects())
	text := jsonOf(t, m)
	for _, path := range []string{os.TempDir() + "/", "/usr/", cacheDir} {
		require.NotContains(t, text, path)
	}

	// Again: nothing is run, and the result is the same byte for byte.
	again, ran := mustRun(t, p, tools, Options{Cache: NewCache(cacheDir)})
	require.Equal(t, Ran{}, ran)
	require.Equal(t, text, jsonOf(t, again))

	// Damaged entries are rebuilt, not believed.
	var entries []string
	require.NoError(t, filepath.WalkDir(cacheDir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(name, string(filepath.Separator)+"cell"+string(filepath.Separator)) {
			entries = append(entries, name)
		}
		return err
	}))
	for i, name := range entries {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		if i == 0 {
			data = bytes.Replace(data, []byte(`"state":"`), []byte(`"state":"x`), 1)
			require.NoError(t, os.WriteFile(name, data, 0o644))
		} else if i == 1 {
			require.NoError(t, os.Truncate(name, 10))
		}
	}
	again, ran = mustRun(t, p, tools, Options{Cache: NewCache(cacheDir)})
	require.NotZero(t, ran.Linked)
	require.Zero(t, ran.Compiled)
	require.Equal(t, text, jsonOf(t, again))
}

// A run that is stopped loses no cell that was finished.
func TestInterrupted(t *testing.T) {
	tools, compiler, linker := realTools(t)
	p := smallPlan(compiler, linker)
	p.Builds = p.Builds[:3]
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	finished := make(map[Coordinates]bool)
	_, _, err := Run(ctx, p, tools, Options{Cache: NewCache(dir), Done: func(c Cell) {
		finished[c.Coordinates] = true
		if len(finished) == 3 {
			stop()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, len(finished), p.Cells())

	// Now with programs that cannot run anything: what was finished is known
	// without them, and the rest is not.
	broken := breakLinker(t, tools, linker, "exit 9")
	m, _ := mustRun(t, p, broken, Options{Cache: NewCache(dir)})
	for _, c := range m.Cells {
		require.Equal(t, Failed, c.State, "another linker's results are not this one's")
	}
	whole, ran := mustRun(t, p, tools, Options{Cache: NewCache(dir)})
	require.Less(t, ran.Compiled, 4)
	fresh, full := mustRun(t, p, tools, Options{Cache: NewCache(t.TempDir())})
	require.Equal(t, jsonOf(t, fresh), jsonOf(t, whole))
	require.Less(t, ran.Linked, full.Linked)
}

// Two runs at once with one cache give the same as one.
func TestTwoRunsAtOnce(t *testing.T) {
	tools, compiler, linker := realTools(t)
	p := smallPlan(compiler, linker)
	p.Builds = p.Builds[:2]
	dir := t.TempDir()
	var texts [2]string
	var wait sync.WaitGroup
	for i := range texts {
		wait.Go(func() {
			m, _, err := Run(t.Context(), p, tools, Options{Cache: NewCache(dir)})
			if err == nil {
				var b bytes.Buffer
				err = m.WriteJSON(&b)
				texts[i] = b.String()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	require.Equal(t, texts[0], texts[1])
	require.Contains(t, texts[0], `"state": "ok"`)
	_, ran := mustRun(t, p, tools, Options{Cache: NewCache(dir)})
	require.Equal(t, Ran{}, ran)
}

// breakLinker are tools whose only linker is a script.
func breakLinker(t *testing.T, tools *Tools, linkerName, script string) *Tools {
	t.Helper()
	l, ok := tools.linker("i386", linkerName)
	require.True(t, ok)
	l.path = writeScript(t, strings.ReplaceAll(script, "LINKER", l.path))
	at := *tools.archs["i386"]
	at.linkers = []linker{l}
	return &Tools{archs: map[string]*archTools{"i386": &at, "amd64": tools.archs["amd64"]}, versions: tools.versions}
}

func writeScript(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tool")
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	return name
}

// A linker that crashes, hangs, says no or warns on every line says so in its
// cells, and keeps nothing else from being run.
func TestBadLinkers(t *testing.T) {
	tools, compiler, linker := realTools(t)
	p := smallPlan(compiler, linker)
	p.Builds, p.Strategies = p.Builds[:1], []string{"constraint"}
	child := filepath.Join(t.TempDir(), "child")
	for _, c := range []struct {
		name, script, says string
		state              State
		again              bool // it is tried again
	}{
		{"crash", "kill -SEGV $$", "segmentation fault", Crashed, true},
		{"hang", "sleep 300 & echo $! >" + child + "; wait", "did not finish in time", Crashed, true},
		{"refusal", "echo no such thing as an error here >&2; exit 3", "no such thing", Failed, false},
		{"lie", "exit 0", "made no", Crashed, true},
		{"gone", "rm -f $0; kill -KILL $$", "killed", Crashed, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := breakLinker(t, tools, linker, c.script)
			cache := NewCache(t.TempDir())
			begin := time.Now()
			m, _ := mustRun(t, p, broken, Options{Cache: cache, Timeout: time.Second})
			require.Less(t, time.Since(begin), 20*time.Second)
			require.Equal(t, c.state, m.Cells[0].State, m.Cells[0].Reason)
			require.Equal(t, c.state == Failed, m.Cells[0].Unlinkable)
			require.Contains(t, m.Cells[0].Reason, c.says)
			require.NotContains(t, m.Cells[0].Reason, os.TempDir())
			var list strings.Builder
			require.NoError(t, m.WriteProblems(&list))
			require.Contains(t, list.String(), c.says, "the run ends with a list")
			require.Equal(t, c.state == Crashed, m.Cells[0].Defect())
			if c.name == "gone" {
				return
			}
			_, ran := mustRun(t, p, broken, Options{Cache: cache, Timeout: time.Second})
			require.Equal(t, c.again, ran.Linked > 0)
		})
	}
	pid, err := os.ReadFile(child)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		// A dead process that nobody has collected yet is still listed, as Z.
		state, _ := exec.Command("ps", "-o", "stat=", "-p", strings.TrimSpace(string(pid))).Output()
		s := strings.TrimSpace(string(state))
		return s == "" || s[0] == 'Z'
	}, 10*time.Second, 50*time.Millisecond, "its child is killed too")

	t.Run("warnings", func(t *testing.T) {
		loud := breakLinker(t, tools, linker, `i=0; while [ $i -lt 2000 ]; do echo "ld: warning: line $i" >&2; i=$((i+1)); done; exec LINKER "$@"`)
		m, _ := mustRun(t, p, loud, Options{Cache: NewCache(t.TempDir())})
		require.Equal(t, OK, m.Cells[0].State, m.Cells[0].Reason)
		require.Equal(t, 4000, m.Cells[0].LinkWarnings, "both stages")
		require.Equal(t, "ld: warning: line 0", m.Cells[0].LinkWarning)
	})
}

// The same for compilers.
func TestBadCompilers(t *testing.T) {
	tools, compilerName, linker := realTools(t)
	p := smallPlan(compilerName, linker)
	p.Builds, p.Strategies = p.Builds[:1], []string{"constraint"}
	with := func(t *testing.T, script string) (*Matrix, Ran) {
		c, _ := tools.compiler("i386", compilerName)
		c.path = writeScript(t, strings.ReplaceAll(script, "COMPILER", c.path))
		at := *tools.archs["i386"]
		at.compilers = []compiler{c}
		broken := &Tools{archs: map[string]*archTools{"i386": &at}, versions: tools.versions}
		return mustRun(t, p, broken, Options{Cache: NewCache(t.TempDir()), Timeout: time.Second})
	}
	m, ran := with(t, "echo 'x.c:1: error: no' >&2; exit 1")
	require.Equal(t, Failed, m.Cells[0].State)
	require.Contains(t, m.Cells[0].Reason, "x.c:1: error: no")
	require.Zero(t, ran.Linked)
	m, _ = with(t, "sleep 300")
	require.Equal(t, Crashed, m.Cells[0].State)
	m, _ = with(t, `i=0; while [ $i -lt 3000 ]; do echo "x.c:$i: warning: this line" >&2; i=$((i+1)); done; exec COMPILER "$@"`)
	require.Equal(t, OK, m.Cells[0].State, m.Cells[0].Reason)
	require.Equal(t, 3000, m.Cells[0].CompileWarnings)
}

// A disk without room for the cache costs the next run its time, and nothing
// else; one without room for the work is said in the error.
func TestFullDisk(t *testing.T) {
	tools, compiler, linker := realTools(t)
	p := smallPlan(compiler, linker)
	p.Builds = p.Builds[:1]
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	cache := NewCache(file)
	m, _ := mustRun(t, p, tools, Options{Cache: cache})
	require.Equal(t, OK, m.cell(t, "measured", "end_data").State)
	require.ErrorContains(t, cache.Err(), "results are not kept")

	t.Setenv("TMPDIR", file)
	_, _, err := Run(t.Context(), p, tools, Options{Cache: NewCache(t.TempDir())})
	require.ErrorContains(t, err, "no place to build in")

	// Reports that cannot be written are all named.
	err = m.Write(file, p)
	require.ErrorContains(t, err, "matrix.json")
	require.ErrorContains(t, err, "index.html")
}
