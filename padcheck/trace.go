package padcheck

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// TraceLine is one relocation for people and programs. Addresses are those of
// the running kernel.
type TraceLine struct {
	Place  Addr   `json:"place"`
	Pass   string `json:"pass"`
	Type   string `json:"type"`
	Number uint32 `json:"number"`
	Symbol string `json:"symbol,omitempty"`
	Addend int64  `json:"addend"`
	// S is the address of the symbol, as the kernel's lookup gave it, and Loaded
	// the address that was looked for in the sets.
	S      Addr   `json:"s"`
	Loaded Addr   `json:"loaded"`
	Before Addr   `json:"before"`
	After  Addr   `json:"after"`
	Width  uint8  `json:"width"`
	Set    string `json:"set,omitempty"`
	// Owner is the module whose set it is, if it is another's.
	Owner  string `json:"owner,omitempty"`
	Status string `json:"status"`
	// Instance is what the instances hold at a place inside a set: their copy
	// may have been made before the relocation.
	Instance *Addr `json:"instance,omitempty"`
	// Assumed says that nothing is known of the symbol.
	Assumed bool `json:"assumed,omitempty"`
}

// Trace lists what the kernel did to a module.
func Trace(k *loader.Kernel, m *loader.Module) []TraceLine {
	lines := make([]TraceLine, 0, len(m.Trace))
	for i := range m.Trace {
		r := &m.Trace[i]
		l := TraceLine{
			Place: Addr(r.P), Pass: r.Pass.String(), Type: k.Machine().Name(r.Type), Number: r.Type,
			Addend: int64(r.A), S: Addr(r.S), Loaded: Addr(r.X), Before: Addr(r.Before), After: Addr(r.After),
			Width: r.Width, Status: r.Status.String(), Assumed: r.Assumed,
		}
		if r.Symbol != 0 {
			l.Symbol = m.Symbols.NameOf(r.Symbol)
		}
		if s := k.SetByNumber(r.Set); s != nil {
			l.Set = strings.TrimPrefix(s.Name, "set_")
			if s.Module != m {
				l.Owner = s.Module.Name
			}
		}
		l.Instance = instanceValue(m, r)
		lines = append(lines, l)
	}
	return lines
}

// instanceValue reads the field at a relocation's place as the instances got
// it; nil when the place lies in no set.
func instanceValue(m *loader.Module, r *reloc.Record) *Addr {
	for _, s := range m.Sets {
		if r.P < s.Start || r.P >= s.Stop {
			continue
		}
		off, width := r.P-s.Start, uint64(r.Width)
		if n := uint64(len(s.Template)); off > n || width > n-off {
			return nil
		}
		return addrOf(word(m.File.Arch.Order, s.Template[off:off+width]))
	}
	return nil
}

// Refusal is the error of a module that the kernel does not load; nil when it
// does.
func Refusal(k *loader.Kernel, m *loader.Module) error {
	c := newChecker(k, m)
	c.problems()
	c.relocations()
	var errs []error
	if c.refused {
		for _, f := range c.out.Findings {
			if f.Severity == Error && f.Rule != loader.RuleMissingSentinel && f.Rule != loader.RuleAddendDropped {
				errs = append(errs, fmt.Errorf("%s: the kernel refuses it: %s: %s", m.File.Path, f.Rule, f.Message))
			}
		}
	}
	return errors.Join(errs...)
}

// Where names the function or variable that an address of a loaded module lies
// in, as function+0x12; it is empty when no symbol is near.
func Where(m *loader.Module, addr uint64) string { return newSymbolizer(m).name(addr) }
