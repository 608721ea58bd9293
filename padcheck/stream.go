package padcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// VerifyTo verifies files as [Verify] does and writes the report while it goes,
// so that memory does not grow with the number of modules. SARIF and JUnit say
// at their beginning what only the end knows, and are written there. The report
// is complete, but for the files that could not be read, whatever the error;
// color concerns text alone.
func VerifyTo(ctx context.Context, w io.Writer, format string, color bool, files []string, opt Options) (Summary, error) {
	s, err := NewSession(opt)
	if err != nil {
		return Summary{}, err
	}
	switch format {
	case "text":
		t := &text{w: w, color: color}
		sum, err := s.verifyTo(ctx, files, func(i int, m *Module) error {
			t.next(i, m, s.Profile.Name())
			return t.err
		})
		t.end(sum, nil)
		return sum, errors.Join(err, t.err)
	case "json":
		return s.verifyJSON(ctx, w, files)
	}
	report, err := Verify(ctx, files, opt)
	if report == nil {
		return Summary{}, err
	}
	return report.Summary, errors.Join(err, report.Write(w, format, color))
}

func (s *Session) verifyTo(ctx context.Context, files []string, write func(i int, m *Module) error) (Summary, error) {
	var sum Summary
	err := s.VerifyEach(ctx, files, func(m *Module) error {
		err := write(sum.Modules, m)
		sum.add(m)
		return err
	})
	return sum, errors.Join(err, ctx.Err())
}

// verifyJSON writes what Report.writeJSON would, a module at a time.
func (s *Session) verifyJSON(ctx context.Context, w io.Writer, files []string) (Summary, error) {
	var buf bytes.Buffer
	value := func(v any, prefix string) error {
		buf.Reset()
		e := json.NewEncoder(&buf)
		e.SetIndent(prefix, "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
		_, err := w.Write(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
		return err
	}
	if _, err := fmt.Fprintf(w, "{\n  \"schema\": %d,\n  \"profile\": %q,\n  \"modules\": [", Schema, s.Profile.Name()); err != nil {
		return Summary{}, err
	}
	sum, err := s.verifyTo(ctx, files, func(i int, m *Module) error {
		separator := ",\n    "
		if i == 0 {
			separator = separator[1:]
		}
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		return value(m, "    ")
	})
	end := "],\n  \"summary\": "
	if sum.Modules > 0 {
		end = "\n  " + end
	}
	_, werr := io.WriteString(w, end)
	return sum, errors.Join(err, werr, value(sum, "  "), newline(w))
}

func newline(w io.Writer) error {
	_, err := io.WriteString(w, "\n}\n")
	return err
}
