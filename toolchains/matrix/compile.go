package matrix

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/testdata"
)

// compiled is a compiled sample, or the reason why there is none.
type compiled struct {
	// Sum is the hash of its content, which is an entry of its own.
	Sum      string `json:"sum"`
	Warnings int    `json:"warnings"`
	Err      string `json:"err,omitempty"`
	// crashed says that it may go well next time; that is not kept.
	crashed bool
}

// compileFailed begins the reason of a cell whose object could not be made.
const compileFailed = "compile: "

// sources are the samples, unpacked for compilers to read.
type sources struct {
	dir string
	// headers is the hash of all headers: a change of any recompiles all.
	headers string
	samples *testdata.Samples
	sums    map[string]string // of the C files
}

// unpack writes the embedded samples and headers to a folder.
func unpack(dir string) (*sources, error) {
	samples, err := testdata.LoadSamples()
	if err != nil {
		return nil, err
	}
	s := &sources{dir: dir, samples: samples, sums: make(map[string]string)}
	var headers []string
	for _, tree := range []fs.FS{testdata.Include, testdata.Sources} {
		if err := os.CopyFS(dir, tree); err != nil {
			return nil, err
		}
		err := fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := fs.ReadFile(tree, name)
			if strings.HasSuffix(name, ".h") {
				headers = append(headers, name, string(text))
			}
			s.sums[name] = key(string(text))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	s.headers = key(headers...)
	return s, nil
}

func (s *sources) sample(name string) *testdata.Sample {
	for _, m := range s.samples.Modules {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// flags are the options of a build after all others, so that they win: the
// sample's own first, which make it what it is to show.
func (s *sources) flags(b Build, c compiler) []string {
	var own []string
	if b.Arch == "i386" { // the only one that samples have flags for
		own = s.sample(b.Case).CFlags
	}
	return slices.Concat(s.samples.KernelCFlags, c.flags, strings.Fields(b.Options), own)
}

// compile makes the object of a build, or finds it in the cache.
func (r *runner) compile(ctx context.Context, b Build, c compiler) compiled {
	sample := r.sources.sample(b.Case)
	source := "samples/" + sample.Sources[0]
	id, err := r.ids.of(ctx, c.path, c.kind)
	if err != nil {
		return compiled{Err: err.Error(), crashed: true}
	}
	flags := r.sources.flags(b, c)
	k := key(append([]string{id, r.sources.headers, r.sources.sums[source]}, flags...)...)
	var o compiled
	if r.cache.load("object", k, &o) {
		if o.Err != "" {
			return o
		}
		if _, ok := r.cache.get("bytes", o.Sum); ok {
			return o
		}
	}
	o = r.compileNow(ctx, slices.Concat(flags, []string{"-I", "include", "-c", source}), c, k)
	if !o.crashed {
		r.cache.store("object", k, o)
	}
	return o
}

func (r *runner) compileNow(ctx context.Context, args []string, c compiler, k string) compiled {
	output := filepath.Join(r.dir, k+".o")
	limited, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	r.compiled.Add(1)
	warnings := &warningCounter{}
	_, err := run.Run(limited, run.Command{Path: c.path, Args: append(args, "-o", output), Dir: r.sources.dir, Echo: warnings})
	o := compiled{Warnings: warnings.count}
	if err != nil {
		o.Err, o.crashed = compileFailed+r.clean(err.Error(), c.path), died(err)
		return o
	}
	data, err := os.ReadFile(output)
	_ = os.Remove(output)
	if err != nil {
		return compiled{Err: compileFailed + "the compiler says that it succeeded and made no object", crashed: true}
	}
	o.Sum = key(string(data))
	r.cache.put("bytes", o.Sum, data)
	r.objects.Store(o.Sum, data)
	return o
}

// died says that a command did not say no by itself, but crashed, hung or could
// not be run at all.
func died(err error) bool {
	if errors.Is(err, errVerify) {
		return false
	}
	var e *run.Error
	return !errors.As(err, &e) || e.ExitCode < 0
}

// warningCounter counts the lines that speak of a warning, however many, and
// keeps the first.
type warningCounter struct {
	mu    sync.Mutex
	count int
	first string
	line  []byte
}

// longest is how much of a line is looked at.
const longest = 4096

func (w *warningCounter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range p {
		if b != '\n' {
			if len(w.line) < longest {
				w.line = append(w.line, b)
			}
			continue
		}
		if text := string(w.line); strings.Contains(strings.ToLower(text), "warning:") {
			if w.count++; w.count == 1 {
				w.first = text
			}
		}
		w.line = w.line[:0]
	}
	return len(p), nil
}
