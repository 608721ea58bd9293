package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// ConfigName is the file that declares the default axes, in the folder of the
// repository.
const ConfigName = "toolchains/matrix.yaml"

// Config is what matrix.yaml holds. Comments there say what the keys mean.
type Config struct {
	Archs       []string            `yaml:"archs"`
	Compilers   []string            `yaml:"compilers"`
	Linkers     []string            `yaml:"linkers"`
	Options     []string            `yaml:"options"`
	ArchOptions map[string][]string `yaml:"arch_options"`
	Strategies  []string            `yaml:"strategies"`
	Cases       []string            `yaml:"cases"`
	ArchCases   map[string][]string `yaml:"arch_cases"`
}

// options are the choices of flags for an architecture.
func (c *Config) options(a string) []string {
	if own, ok := c.ArchOptions[a]; ok {
		return own
	}
	return c.Options
}

// cases are the samples for an architecture.
func (c *Config) cases(a string) []string {
	if own, ok := c.ArchCases[a]; ok {
		return own
	}
	return c.Cases
}

// Load reads and checks a matrix.yaml. An error is one line that says where in
// the file, what, and what to do about it.
func Load(fsys afero.Fs, name string) (*Config, error) {
	text, err := afero.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%w: this file says what the matrix is made of; run this in kmodpad's own tree", err)
	}
	return parse(name, text)
}

func parse(name string, text []byte) (c *Config, err error) {
	// The YAML package panics on a few odd texts, such as a tag without a value.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: cannot be read as YAML (%v): leave out tags and anchors", name, r)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, oneLine(name, err)
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("%s: holds %d YAML documents, but only one is read: remove the --- lines", name, len(file.Docs))
	}
	c = &Config{}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, oneLine(name, err)
	}
	samples, err := testdata.LoadSamples()
	if err != nil {
		return nil, err
	}
	k := checker{name: name, file: file, samples: samples}
	return c, k.check(c)
}

// oneLine makes one line of an error that comes with a picture of the place.
func oneLine(name string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) {
		return fmt.Errorf("%s: %w", name, err)
	}
	message := at.GetMessage()
	if e, ok := at.(*yaml.UnknownFieldError); ok {
		message = fmt.Sprintf("unknown key %q: there are %s", e.Token.Value, strings.Join(keys(), ", "))
	}
	if t := at.GetToken(); t != nil && t.Position != nil {
		return fmt.Errorf("%s:%d: %s", name, t.Position.Line, message)
	}
	return fmt.Errorf("%s: %s", name, message)
}

// keys are all that matrix.yaml may hold.
func keys() []string {
	var names []string
	for f := range reflect.TypeFor[Config]().Fields() {
		names = append(names, f.Tag.Get("yaml"))
	}
	return names
}

// checker holds a configuration to its rules.
type checker struct {
	name    string
	file    *ast.File
	samples *testdata.Samples
}

// errorf is an error about the value at a place such as "archs[2]".
func (k checker) errorf(place, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if p, err := yaml.PathString("$." + place); err == nil {
		if node, err := p.FilterFile(k.file); err == nil && node.GetToken() != nil {
			return fmt.Errorf("%s:%d: %s", k.name, node.GetToken().Position.Line, message)
		}
	}
	return fmt.Errorf("%s: %s", k.name, message)
}

func (k checker) check(c *Config) error {
	axes := []struct {
		place  string
		values []string
		known  func(string) error
	}{
		{"archs", c.Archs, knownArch},
		{"compilers", c.Compilers, knownPattern},
		{"linkers", c.Linkers, knownPattern},
		{"options", c.Options, knownOptions},
		{"strategies", c.Strategies, knownStrategy},
		{"cases", c.Cases, k.knownCase},
	}
	for _, a := range axes {
		if err := k.axis(a.place, a.values, a.known); err != nil {
			return err
		}
	}
	own := []struct {
		place  string
		values map[string][]string
		known  func(string) error
	}{{"arch_options", c.ArchOptions, knownOptions}, {"arch_cases", c.ArchCases, k.knownCase}}
	for _, o := range own {
		for _, name := range slices.Sorted(maps.Keys(o.values)) {
			if err := knownArch(name); err != nil {
				return k.errorf(o.place+"."+name, "%v", err)
			}
			if err := k.axis(o.place+"."+name, o.values[name], o.known); err != nil {
				return err
			}
		}
	}
	return nil
}

// axis checks the values of one axis: there are some, all known, none twice.
func (k checker) axis(place string, values []string, known func(string) error) error {
	if len(values) == 0 {
		return k.errorf(place, "%s has no values: a matrix without them has no cells", place)
	}
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", place, i)
		if err := known(v); err != nil {
			return k.errorf(at, "%v", err)
		}
		if slices.Contains(values[:i], v) {
			return k.errorf(at, "%q stands here twice", v)
		}
	}
	return nil
}

func knownArch(name string) error {
	_, err := arch.ByName(name)
	return err
}

func knownStrategy(name string) error {
	_, err := ldscripts.Parse(name)
	return err
}

func knownPattern(p string) error {
	if _, err := path.Match(p, ""); err != nil || p == "" {
		return fmt.Errorf("%q is no pattern of names: write them like clang-1?, gcc-*, ld.lld-19", p)
	}
	return nil
}

// knownOptions takes words that change the code and nothing else: a word that
// names a file would put the machine into the result.
func knownOptions(o string) error {
	words := strings.Fields(o)
	if len(words) == 0 || strings.Join(words, " ") != o {
		return fmt.Errorf("%q are no options: write words like -O2 -march=i486, with one space between", o)
	}
	for _, w := range words {
		if !strings.HasPrefix(w, "-O") && !strings.HasPrefix(w, "-f") && !strings.HasPrefix(w, "-m") {
			return fmt.Errorf("%q is no option of the matrix: they begin with -O, -f or -m", w)
		}
	}
	return nil
}

func (k checker) knownCase(name string) error { return knownCase(k.samples, name) }

func knownCase(samples *testdata.Samples, name string) error {
	names := make([]string, len(samples.Modules))
	for i, m := range samples.Modules {
		names[i] = m.Name
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("unknown case %q: the samples are %s", name, strings.Join(names, ", "))
	}
	return nil
}
