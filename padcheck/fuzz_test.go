package padcheck_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/profile"
)

// addPairs seeds a fuzz target with modules and the outputs of stage 1 that
// they were linked from.
func addPairs(f *testing.F, add func(ko, kld []byte)) {
	kos, err := filepath.Glob(filepath.Join("..", "testdata", "witness", "*", "mix.ko"))
	require.NoError(f, err)
	require.NotEmpty(f, kos)
	for _, path := range kos {
		ko, err := os.ReadFile(path)
		require.NoError(f, err)
		kld, err := os.ReadFile(strings.TrimSuffix(path, ".ko") + ".kld")
		if os.IsNotExist(err) {
			kld, err = ko, nil // amd64 modules are the output of stage 1
		}
		require.NoError(f, err)
		add(ko, kld)
	}
}

// requireText says that a text can be printed on a terminal: names in a file
// must not move the cursor or colour the screen.
func requireText(t *testing.T, text string) {
	t.Helper()
	i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
	require.Equal(t, -1, i, "not printable: %q", text)
}

// FuzzVerify applies all rules to a module with the output of stage 1 beside
// it. The report must be the same every time, hold together, and survive each
// of its formats.
func FuzzVerify(f *testing.F) {
	addPairs(f, func(ko, kld []byte) {
		f.Add(ko, kld, uint8(0))
		f.Add(ko, []byte{}, uint8(3))
	})
	f.Fuzz(func(t *testing.T, ko, kld []byte, kernel uint8) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.ko")
		require.NoError(t, os.WriteFile(path, ko, 0o600))
		if len(kld) > 0 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a.kld"), kld, 0o600))
		}
		opt := padcheck.Options{Profile: profile.All[int(kernel)%len(profile.All)].Name()}
		start := time.Now()
		report, err := padcheck.Verify(context.Background(), []string{path}, opt)
		size := len(ko) + len(kld)
		require.Less(t, time.Since(start), 2*time.Second+time.Duration(size)*50*time.Microsecond, "for %d bytes", size)
		require.NotNil(t, report)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			require.True(t, strings.HasPrefix(err.Error(), dir), "%v", err)
			requireText(t, err.Error())
			require.Empty(t, report.Modules)
			return
		}
		again, err := padcheck.Verify(context.Background(), []string{path}, opt)
		require.NoError(t, err)
		require.Equal(t, report, again)
		requireReport(t, report)
	})
}

// requireReport checks a report of one module, and every format of it.
func requireReport(t *testing.T, r *padcheck.Report) {
	t.Helper()
	require.Len(t, r.Modules, 1)
	m := r.Modules[0]
	require.Equal(t, 1, r.Summary.Modules)
	require.Equal(t, len(m.Findings), r.Summary.Errors+r.Summary.Warnings)
	require.Equal(t, r.Summary.Errors == 0, m.Verdict == padcheck.OK, "verdict %s of %d errors", m.Verdict, r.Summary.Errors)
	for _, f := range m.Findings {
		_, err := padcheck.RuleByID(f.Rule)
		require.NoError(t, err)
		require.Contains(t, []padcheck.Severity{padcheck.Error, padcheck.Warning}, f.Severity)
		require.NotEmpty(t, f.Message)
		require.NotEmpty(t, f.Mend)
		require.NotContains(t, f.Message, "\n")
	}
	for _, format := range padcheck.Formats {
		var out bytes.Buffer
		require.NoError(t, r.Write(&out, format, false))
		switch format {
		case "text":
			requireText(t, out.String())
		case "json":
			var back padcheck.Report
			require.NoError(t, json.Unmarshal(out.Bytes(), &back))
			var twice bytes.Buffer
			require.NoError(t, back.Write(&twice, format, false))
			require.JSONEq(t, out.String(), twice.String())
		case "sarif":
			require.True(t, json.Valid(out.Bytes()))
		case "junit":
			d := xml.NewDecoder(&out)
			for {
				if _, err := d.Token(); err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
			}
		}
	}
}
