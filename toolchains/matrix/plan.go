package matrix

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Plan is what is to be run: each build, with each linker and each strategy. It
// holds no paths, so that a plan made on one machine is run on another.
type Plan struct {
	Schema     int      `json:"schema"`
	Linkers    []string `json:"linkers"`
	Strategies []string `json:"strategies"`
	Builds     []Build  `json:"builds"`
}

// Build is an object that cells share: one sample, compiled one way.
type Build struct {
	Arch     string `json:"arch"`
	Compiler string `json:"compiler"`
	Options  string `json:"options"`
	Case     string `json:"case"`
}

func (b Build) String() string {
	return strings.Join([]string{b.Arch, b.Compiler, b.Options, b.Case}, "/")
}

// NewPlan lists what a configuration comes to with the programs of this
// machine, narrowed by a filter. Absent are patterns of the configuration that
// no program here is called by.
func NewPlan(c *Config, f Filter, tools *Tools) (p *Plan, absent []string, err error) {
	if c, err = f.narrow(c); err != nil {
		return nil, nil, err
	}
	var lacking []string
	compilers, linkers := tools.names(c.Archs, c.Compilers, func(t *archTools) []tool { return t.compilerTools() }, &lacking),
		tools.names(c.Archs, c.Linkers, func(t *archTools) []tool { return t.linkerTools() }, &absent)
	absent = append(lacking, absent...)
	if compilers, err = pickNames("compiler", f.Compiler, compilers); err != nil {
		return nil, nil, err
	}
	if linkers, err = pickNames("linker", f.Linker, linkers); err != nil {
		return nil, nil, err
	}
	p = &Plan{Schema: Schema, Linkers: linkers, Strategies: c.Strategies, Builds: []Build{}}
	for _, a := range c.Archs {
		for _, compiler := range compilers {
			for _, options := range f.options(c.options(a)) {
				for _, sample := range c.cases(a) {
					p.Builds = append(p.Builds, Build{a, compiler, options, sample})
				}
			}
		}
	}
	if p.Cells() == 0 {
		return nil, nil, fmt.Errorf("no cell is left: of compilers there are %s, of linkers %s, of options %s; \"go tool mage setup\" installs what is missing",
			listed(compilers), listed(linkers), listed(c.Options))
	}
	return p, absent, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Cells counts the cells.
func (p *Plan) Cells() int { return len(p.Builds) * len(p.Linkers) * len(p.Strategies) }

// Each calls fn for every cell, in the order of the plan.
func (p *Plan) Each(fn func(Coordinates)) {
	for _, b := range p.Builds {
		for _, l := range p.Linkers {
			for _, s := range p.Strategies {
				fn(b.cell(l, s))
			}
		}
	}
}

func (b Build) cell(linker, strategy string) Coordinates {
	return Coordinates{Arch: b.Arch, Compiler: b.Compiler, Options: b.Options, Linker: linker, Strategy: strategy, Case: b.Case}
}

// Shard is one part of a plan that was cut: the third of eight is 3/8. The zero
// value is the whole.
type Shard struct{ Number, Of int }

// ParseShard reads "3/8"; the empty string is the whole.
func ParseShard(s string) (Shard, error) {
	if s == "" {
		return Shard{}, nil
	}
	number, of, ok := strings.Cut(s, "/")
	n, err1 := strconv.Atoi(number)
	m, err2 := strconv.Atoi(of)
	if !ok || err1 != nil || err2 != nil || n < 1 || n > m {
		return Shard{}, fmt.Errorf("%q is no shard: write 3/8 for the third of eight", s)
	}
	return Shard{n, m}, nil
}

func (s Shard) String() string {
	if s.Of == 0 {
		return "1/1"
	}
	return fmt.Sprintf("%d/%d", s.Number, s.Of)
}

// Cut is the part of the plan that a shard runs. Builds are dealt out like
// cards, architecture by architecture and in an order that only their names
// decide: the parts of one plan are always the same, no two differ by more than
// a build an architecture, and none gets all of the slow ones.
func (p *Plan) Cut(s Shard) *Plan {
	if s.Of == 0 {
		return p
	}
	type card struct {
		build Build
		sum   [sha256.Size]byte
	}
	cards := make([]card, len(p.Builds))
	for i, b := range p.Builds {
		cards[i] = card{b, sha256.Sum256([]byte(b.String()))}
	}
	slices.SortFunc(cards, func(a, b card) int {
		return cmp.Or(strings.Compare(a.build.Arch, b.build.Arch), slices.Compare(a.sum[:], b.sum[:]))
	})
	mine := make(map[Build]bool)
	for i, c := range cards {
		if i%s.Of == s.Number-1 {
			mine[c.build] = true
		}
	}
	part := *p
	part.Builds = slices.DeleteFunc(slices.Clone(p.Builds), func(b Build) bool { return !mine[b] })
	return &part
}

// WriteJSON writes the plan for programs.
func (p *Plan) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// ReadPlan reads what [Plan.WriteJSON] wrote.
func ReadPlan(r io.Reader) (*Plan, error) {
	p := &Plan{}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("no plan of a matrix: %w", err)
	}
	if p.Schema != Schema {
		return nil, fmt.Errorf("a plan of schema %d, but this program reads %d", p.Schema, Schema)
	}
	samples, err := testdata.LoadSamples()
	if err != nil {
		return nil, err
	}
	for _, b := range p.Builds {
		if _, err := arch.ByName(b.Arch); err != nil {
			return nil, err
		}
		if err := knownCase(samples, b.Case); err != nil {
			return nil, err
		}
		if err := knownOptions(b.Options); err != nil {
			return nil, err
		}
	}
	for _, s := range p.Strategies {
		if err := knownStrategy(s); err != nil {
			return nil, err
		}
	}
	if p.Cells() == 0 {
		return nil, errors.New("a plan without cells")
	}
	return p, nil
}
