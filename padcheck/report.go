package padcheck

import (
	"fmt"
	"strconv"
)

// Schema is the version of the JSON report. It grows when a field changes its
// meaning or goes away, not when one is added.
const Schema = 1

// Report is what a run of the verifier found, in the order of its input.
type Report struct {
	Schema  int       `json:"schema"`
	Profile string    `json:"profile"`
	Modules []*Module `json:"modules"`
	// Spaces say how full the instance spaces are, when modules were loaded
	// into one kernel.
	Spaces  []SpaceUse `json:"spaces,omitempty"`
	Summary Summary    `json:"summary"`
}

// Summary counts what a report holds.
type Summary struct {
	Modules  int `json:"modules"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
}

// add counts a module.
func (s *Summary) add(m *Module) {
	s.Modules++
	for _, f := range m.Findings {
		if f.Severity == Error {
			s.Errors++
		} else {
			s.Warnings++
		}
	}
}

// Verdict sums up one module.
type Verdict string

const (
	// OK modules load and reach their instances.
	OK Verdict = "ok"
	// Refused modules make kldload fail.
	Refused Verdict = "refused"
	// Broken modules load and then use wrong addresses.
	Broken Verdict = "broken"
)

// Module is the report on one file.
type Module struct {
	Path    string  `json:"path"`
	Arch    string  `json:"arch"`
	Loader  string  `json:"loader"`
	Verdict Verdict `json:"verdict"`
	// KLD is the output of link stage 1 that references were traced back to;
	// empty when none was at hand.
	KLD      string    `json:"kld,omitempty"`
	Sets     []Set     `json:"sets"`
	Findings []Finding `json:"findings"`
	// Notes say what was taken for granted, for people.
	Notes []string `json:"notes,omitempty"`
}

// Set is one linker set of a module that the kernel copies per instance.
type Set struct {
	Name  string `json:"name"`
	Start Addr   `json:"start"`
	Stop  Addr   `json:"stop"`
	// Base is where the template of the instances begins; zero when the
	// kernel allocates nothing for the set.
	Base Addr   `json:"base"`
	Size uint64 `json:"size"`
	// PaddingBefore and PaddingAfter count the bytes of padding at either end.
	PaddingBefore uint64 `json:"padding_before"`
	PaddingAfter  uint64 `json:"padding_after"`
	// Sentinel says that the set ends in the word 0x90909090.
	Sentinel bool `json:"sentinel"`
}

// Addr is an address or a word of memory; JSON holds it as a hexadecimal
// string, since its numbers are not exact beyond 2^53.
type Addr uint64

func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// MarshalText renders the address in hexadecimal.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Addr) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 0, 64)
	*a = Addr(v)
	return err
}

// Severity orders findings.
type Severity string

const (
	// Error findings fail a run: the module does not load or misbehaves.
	Error Severity = "error"
	// Warning findings are for a human to judge.
	Warning Severity = "warning"
)

// Finding is one thing that is wrong with a module.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Set      string   `json:"set,omitempty"`
	// Place is the link-time address of the relocated field; Where names the
	// function or variable it lies in.
	Place *Addr  `json:"place,omitempty"`
	Where string `json:"where,omitempty"`
	// Symbol and Addend are what the reference named before the linker forgot.
	Symbol string `json:"symbol,omitempty"`
	Addend *int64 `json:"addend,omitempty"`
	// Target is the link-time address that the reference means.
	Target  *Addr  `json:"target,omitempty"`
	Message string `json:"message"`
	Mend    string `json:"mend"`
}
