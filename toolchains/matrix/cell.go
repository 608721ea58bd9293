package matrix

import (
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// Coordinates say which cell of the matrix this is, a value of each axis.
type Coordinates struct {
	Arch     string `json:"arch"`
	Compiler string `json:"compiler"`
	Options  string `json:"options"`
	Linker   string `json:"linker"`
	Strategy string `json:"strategy"`
	Case     string `json:"case"`
}

func (c Coordinates) String() string {
	return strings.Join([]string{c.Arch, c.Compiler, c.Options, c.Linker, c.Strategy, c.Case}, "/")
}

// State is what became of a cell.
type State string

const (
	// OK modules load and reach their instances.
	OK State = "ok"
	// Refused modules are refused by the kernel.
	Refused State = "refused"
	// Broken modules load and then use wrong addresses.
	Broken State = "broken"
	// Failed cells have no module: a compiler or linker said no, and says so
	// each time.
	Failed State = "failed"
	// Crashed cells have no module either: a program died or hung, or the
	// machine let it down. They are tried again in the next run.
	Crashed State = "crashed"
	// Impossible cells lack a program that could make them.
	Impossible State = "impossible"
)

// States lists every state, from the best to the worst; a cell that cannot be is
// neither.
var States = []State{OK, Refused, Broken, Failed, Crashed, Impossible}

// Cell is one cell with its result, as matrix.json holds it.
type Cell struct {
	Coordinates
	Result
}

// Result is what a cell came to.
type Result struct {
	State State `json:"state"`
	// Reason says why there is no module, for failed, crashed and impossible
	// cells.
	Reason string `json:"reason,omitempty"`
	// Unlinkable says that the linker does not take the object at all, with no
	// strategy and without any; then nothing was learnt about strategies.
	Unlinkable bool `json:"unlinkable,omitempty"`
	// Outside counts the references that leave their set in the output of
	// link stage 1 without padding, whatever this cell's strategy.
	Outside int `json:"outside"`
	// Rules are those that the module breaks: the rules of its findings of
	// severity error, in alphabetical order, each once; Warnings likewise.
	Rules    []string `json:"rules,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Left are sections left behind: sets in the module of which the object
	// has none.
	Left []string `json:"left,omitempty"`
	// Added is by how many bytes the strategy made the sets larger, which is
	// what every network stack and CPU pays.
	Added uint64 `json:"added"`
	// CompileWarnings and LinkWarnings count the warnings, and LinkWarning is
	// the first one of a linker.
	CompileWarnings int    `json:"compile_warnings,omitempty"`
	LinkWarnings    int    `json:"link_warnings,omitempty"`
	LinkWarning     string `json:"link_warning,omitempty"`
	// Sets are drawn in the report.
	Sets []Set `json:"sets,omitempty"`
}

// Set is one set of a module, to be drawn to scale. Offsets are counted from its
// first byte.
type Set struct {
	Name string `json:"name"`
	// Size counts the data and the padding, Before and After the padding alone.
	Size   uint64 `json:"size"`
	Before uint64 `json:"before,omitempty"`
	After  uint64 `json:"after,omitempty"`
	// Sentinel says that the last four bytes of the padding are the sentinel.
	Sentinel bool `json:"sentinel,omitempty"`
	// References are all there are to the set, by where they lead.
	References []Reference `json:"references,omitempty"`
}

// Reference is where some references to a set lead.
type Reference struct {
	// At is the offset; from 0 to below the set's size it is inside.
	At    int64 `json:"at"`
	Count int   `json:"count"`
	// Name is the variable and the offset from it.
	Name string `json:"name,omitempty"`
	// Captured says that a neighbour's reference lands here, which the kernel
	// takes for one to the set.
	Captured bool `json:"captured,omitempty"`
	// Resolved says that the linker resolves the references for good, so that
	// the kernel cannot move them.
	Resolved bool `json:"resolved,omitempty"`
}

// Inside says whether a reference leads into the set.
func (s Set) Inside(r Reference) bool { return r.At >= 0 && r.At < int64(s.Size) }

// Affected says that the module breaks a rule which padding is for: a reference
// leaves its set, or a neighbour's lands in one.
func (r Result) Affected() bool {
	return slices.ContainsFunc(r.Rules, func(rule string) bool { return boundary[rule] })
}

// unpaddable are rules that no padding keeps: findings of them are no failure of
// a strategy.
var unpaddable = map[string]bool{
	padcheck.RuleUnvirtualisedReference: true,
	padcheck.RuleUnrelocatedInitialiser: true,
	loader.RuleUnknownRelocation:        true,
}

// Failing says that there is no sound module.
func (c Cell) Failing() bool { return c.State != OK && c.State != Impossible }

// Cured says that there is a module, and that nothing is wrong with it which
// padding could mend.
func (c Cell) Cured() bool {
	switch c.State {
	case OK:
		return true
	case Refused, Broken:
		return len(c.Rules) > 0 && !slices.ContainsFunc(c.Rules, func(rule string) bool { return !unpaddable[rule] })
	}
	return false
}

// Defect says that a cell is not as it must be: a program died, or a strategy
// that pads by as much as is needed did not cure the module. That other
// strategies do not cure everything is what the matrix is there to show.
func (c Cell) Defect() bool {
	if c.State == Crashed {
		return true
	}
	return ldscripts.Strategy(c.Strategy).Measures() && c.State != Impossible && !c.Unlinkable && !c.Cured()
}

// Why says in a line why a cell is as it is.
func (c Cell) Why() string {
	if c.Reason != "" {
		return c.Reason
	}
	return strings.Join(c.Rules, ", ")
}

// WhyLine is the first line of that, as far as it fits into a table.
func (c Cell) WhyLine() string { return firstLine(c.Why()) }

// badness orders results from good to bad; cells that can't be have none.
func (c Cell) badness() int {
	return slices.Index([]State{OK, Refused, Broken, Failed, Crashed}, c.State)
}
