package padcheck

import (
	"fmt"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// Events is what a kernel runs of a module, and when: its SYSINITs and
// SYSUNINITs, the constructors and destructors of network stacks (vnets), and
// its event handlers.
type Events struct {
	Schema  int    `json:"schema"`
	Profile string `json:"profile"`
	Path    string `json:"path"`
	Arch    string `json:"arch"`
	Loader  string `json:"loader"`
	// Phases are always the same five, in the order of [PhaseNames].
	Phases []Phase `json:"phases"`
	// Notes say what is easily overlooked, and what could not be read.
	Notes []string `json:"notes"`
}

// Names of the phases of a module's life.
const (
	PhaseLoad        = "load"         // kldload, after boot
	PhaseVnetCreate  = "vnet_create"  // a network stack comes into being
	PhaseVnetDestroy = "vnet_destroy" // and goes
	PhaseUnload      = "unload"       // kldunload
	PhaseShutdown    = "shutdown"     // the machine goes down
)

// PhaseNames lists them in order.
var PhaseNames = []string{PhaseLoad, PhaseVnetCreate, PhaseVnetDestroy, PhaseUnload, PhaseShutdown}

// Phase is what runs of a module on one occasion.
type Phase struct {
	Name  string `json:"name"`
	Steps []Step `json:"steps"`
}

// Action says what a step does.
type Action string

const (
	// Call calls a function once.
	Call Action = "call"
	// CallInVnets calls a function once in every vnet there is.
	CallInVnets Action = "call_in_vnets"
	// Register notes a function that runs later, when a vnet is destroyed.
	Register Action = "register"
	// Deregister forgets a function; it is not called.
	Deregister Action = "deregister"
	// Notify calls a module's event handler.
	Notify Action = "event"
)

// Step is one thing that a kernel does.
type Step struct {
	Action Action `json:"action"`
	// Function is what runs, or is registered; Argument what it is given, if
	// that has a name. They are names from the symbol table, or addresses.
	Function string `json:"function"`
	Argument string `json:"argument,omitempty"`
	// Event is the event that a handler is told (MOD_LOAD), and Module the
	// module whose handler it is.
	Event  string `json:"event,omitempty"`
	Module string `json:"module,omitempty"`
	// Subsystem and Order are the step's place among all modules' steps; nil
	// where the kernel goes by neither.
	Subsystem *Level `json:"subsystem,omitempty"`
	Order     *Level `json:"order,omitempty"`
}

// NewEvents reads the events of a loaded module from its memory. It fails only
// where the kernel would not come to an end either.
func NewEvents(k *loader.Kernel, m *loader.Module) (*Events, error) {
	r, err := readEvents(k, m)
	if err != nil {
		return nil, err
	}
	e := &Events{
		Schema: Schema, Profile: k.Profile.Name(),
		Path: m.File.Path, Arch: m.File.Arch.Name, Loader: m.Loader.Name(),
		Phases: []Phase{
			{PhaseLoad, r.load()},
			{PhaseVnetCreate, r.vnetCreate()},
			{PhaseVnetDestroy, r.vnetDestroy()},
			{PhaseUnload, r.unload()},
			{PhaseShutdown, r.shutdown()},
		},
	}
	e.Notes = append(r.traps(), r.notes...)
	return e, nil
}

// Phase finds a phase by its name.
func (e *Events) Phase(name string) Phase {
	for _, p := range e.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{Name: name}
}

// String is the step in a few words, without its place.
func (s Step) String() string {
	switch s.Action {
	case CallInVnets:
		return s.Function + " in every vnet"
	case Register, Deregister:
		return fmt.Sprintf("(%ss %s)", s.Action, s.Function)
	case Notify:
		return fmt.Sprintf("%s(%s) of module %s", s.Function, s.Event, s.Module)
	}
	return s.Function
}
