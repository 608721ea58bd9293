package testdata

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Samples is samples/samples.yaml, where comments say what the keys mean.
type Samples struct {
	Compilers    []string  `yaml:"compilers"`
	KernelCFlags []string  `yaml:"kernel_cflags"`
	Includes     []string  `yaml:"includes"`
	CFlags       []string  `yaml:"cflags"`
	I386CFlags   []string  `yaml:"i386_cflags"`
	Modules      []*Sample `yaml:"modules"`
}

// Sample is one module.
type Sample struct {
	Name    string            `yaml:"name"`
	Sources []string          `yaml:"sources"`
	Exports []string          `yaml:"exports"`
	CFlags  []string          `yaml:"cflags"`
	Expect  []string          `yaml:"expect"`
	Sets    map[string]uint64 `yaml:"sets"`
	Shows   []Shown           `yaml:"shows"`
	Calls   []Call            `yaml:"calls"`
	Writes  []Write           `yaml:"writes"`
}

// Shown are references to one section or symbol, or one's absence from it.
type Shown struct {
	Section string   `yaml:"section"`
	Symbol  string   `yaml:"symbol"`
	At      []Offset `yaml:"at"`
	In      string   `yaml:"in"`
	Type    string   `yaml:"type"`
	By      []string `yaml:"by"`
	Archs   []string `yaml:"archs"`
}

// On says whether it is there on an architecture.
func (s Shown) On(arch string) bool {
	if len(s.Archs) == 0 {
		return arch == "i386"
	}
	return slices.Contains(s.Archs, arch)
}

// ShownBy says whether a compiler, named as in Samples.Compilers, emits it.
func (s Shown) ShownBy(compiler string) bool {
	for _, family := range s.By {
		if strings.HasPrefix(compiler, family+"-") {
			return true
		}
	}
	return len(s.By) == 0
}

// Offset is a place relative to a section: stop+4, start-32.
type Offset struct {
	FromStop bool
	Bytes    int64
}

func (o Offset) String() string {
	base := "start"
	if o.FromStop {
		base = "stop"
	}
	return fmt.Sprintf("%s%+d", base, o.Bytes)
}

// In is the offset from the first byte of a section of that size.
func (o Offset) In(size uint64) int64 {
	if o.FromStop {
		return int64(size) + o.Bytes
	}
	return o.Bytes
}

// UnmarshalYAML reads what String writes; the number may be hexadecimal.
func (o *Offset) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	number, fromStop := strings.CutPrefix(text, "stop")
	if !fromStop {
		number = strings.TrimPrefix(text, "start")
	}
	bytes, err := strconv.ParseInt(number, 0, 64)
	if err != nil {
		return fmt.Errorf("%q is no offset: they look like start-32 or stop+4", text)
	}
	*o = Offset{FromStop: fromStop, Bytes: bytes}
	return nil
}

// Call is a call into a loaded sample.
type Call struct {
	Function string `yaml:"call"`
	Returns  int    `yaml:"returns"`
}

// Write is what a variable holds after all calls.
type Write struct {
	Variable string   `yaml:"variable"`
	First    uint64   `yaml:"first"`
	Width    string   `yaml:"width"`
	Count    int      `yaml:"count"`
	Stride   uint64   `yaml:"stride"`
	At       []uint64 `yaml:"at"`
}

// LoadSamples reads the list of samples.
func LoadSamples() (*Samples, error) {
	text, err := Sources.ReadFile("samples/samples.yaml")
	if err != nil {
		return nil, err
	}
	var s Samples
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("samples.yaml: %w", err)
	}
	return &s, nil
}

// Flags is what to compile a sample with for an architecture whose own flags
// are given, apart from -I and the flags that name the architecture. All
// samples have the same, but for i386.
func (s *Samples) Flags(m *Sample, arch string, own []string) []string {
	var flags []string
	for _, more := range [][]string{s.KernelCFlags, own, s.CFlags} {
		flags = append(flags, more...)
	}
	if arch == "i386" {
		flags = append(flags, s.I386CFlags...)
		flags = append(flags, m.CFlags...)
	}
	return flags
}
