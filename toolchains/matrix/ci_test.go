package matrix

import (
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rhysd/actionlint"
	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"
)

func generated(t *testing.T, shards int) map[string]string {
	t.Helper()
	fsys := afero.NewMemMapFs()
	names, err := GenerateCI(fsys, ".ci", shards)
	require.NoError(t, err)
	texts := make(map[string]string)
	for _, name := range names {
		text, err := afero.ReadFile(fsys, name)
		require.NoError(t, err)
		texts[strings.TrimSuffix(strings.TrimPrefix(name, ".ci/matrix."), ".yml")] = string(text)
	}
	return texts
}

// The workflow passes actionlint, which also sees a mistake in it.
func TestGitHub(t *testing.T) {
	text := generated(t, 8)["github"]
	lint := func(text string) []*actionlint.Error {
		l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
		require.NoError(t, err)
		errs, err := l.Lint(".github/workflows/matrix.yml", []byte(text), nil)
		require.NoError(t, err)
		return errs
	}
	for _, e := range lint(text) {
		t.Error(e)
	}
	require.NotEmpty(t, lint(strings.Replace(text, "needs.plan.outputs.shards", "needs.plan.outputs.parts", 1)))
	require.Contains(t, text, "-most=8")
}

// The other engines have no validator that is a package: their files are held
// to what of their schemas they use.
func TestGitLab(t *testing.T) {
	var jobs map[string]any
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(generated(t, 5)["gitlab"]), &jobs, yaml.Strict()))
	stages := jobs["stages"]
	require.Equal(t, []any{"plan", "run", "merge"}, stages)
	for _, name := range []string{"plan", "run", "merge"} {
		job := jobs[name].(map[string]any)
		require.Contains(t, stages, job["stage"])
		require.NotEmpty(t, job["script"])
		for _, need := range list(job["needs"]) {
			require.Contains(t, jobs, need)
		}
	}
	require.EqualValues(t, 5, jobs["run"].(map[string]any)["parallel"])
}

func TestCirrus(t *testing.T) {
	var file map[string]map[string]any
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(generated(t, 5)["cirrus"]), &file, yaml.Strict()))
	task := file["matrix_task"]
	require.NotEmpty(t, task["run_script"])
	for _, m := range list(task["matrix"]) {
		image := m.(map[string]any)["freebsd_instance"].(map[string]any)["image_family"].(string)
		require.True(t, strings.HasPrefix(image, "freebsd-"), image)
	}
	require.Len(t, list(task["matrix"]), 2)
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func TestBadShardCount(t *testing.T) {
	for _, n := range []int{0, -1, 257} {
		_, err := GenerateCI(afero.NewMemMapFs(), ".ci", n)
		require.ErrorContains(t, err, "1 to 256")
	}
}

// Every command in the definitions is a target with flags that it has.
func TestCommandsInDefinitions(t *testing.T) {
	known := map[string]string{
		"setup": "", "matrix:plan": "-out", "matrix:shards": "-most", "matrix:run": "-plan -shard -out", "matrix:merge": "-out",
	}
	seen := 0
	for engine, text := range generated(t, 8) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			_, command, ok := strings.Cut(line, "go tool mage ")
			if !ok {
				continue
			}
			seen++
			words := strings.Fields(command)
			flags, ok := known[words[0]]
			require.True(t, ok, "%s: %s", engine, line)
			for _, w := range words[1:] {
				if strings.HasPrefix(w, "-") && strings.Contains(w, "=") {
					name, _, _ := strings.Cut(w, "=")
					require.Contains(t, strings.Fields(flags), name, "%s: %s", engine, line)
				}
			}
		}
	}
	require.GreaterOrEqual(t, seen, 10)
}
