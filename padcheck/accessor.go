package padcheck

import (
	"fmt"
	"io"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// Accessor is the arithmetic by which V_name or DPCPU_GET(name) reaches a
// variable in one instance (_VNET_PTR in sys/net/vnet.h, _DPCPU_PTR in
// sys/sys/pcpu.h).
type Accessor struct {
	Variable string `json:"variable"`
	Set      string `json:"set"`
	Module   string `json:"module"`
	// LinkTime is the variable's address in the file, Loaded where the module
	// was loaded, and Rewritten what the kernel puts in place of it.
	LinkTime  Addr `json:"link_time"`
	Loaded    Addr `json:"loaded"`
	Rewritten Addr `json:"rewritten"`
	// Start and Base are the set's start where the module was loaded, and the
	// start of its template.
	Start Addr `json:"start"`
	Base  Addr `json:"base"`
	// Memory is where the instance's data is, and KernelStart where that of
	// the kernel's own set is; DataBase is the difference, which the accessor
	// adds.
	Memory      Addr `json:"memory"`
	KernelStart Addr `json:"kernel_start"`
	DataBase    Addr `json:"data_base"`
	// Result is the variable's address in the instance; Stray is where the code
	// goes if the address is not rewritten.
	Result Addr `json:"result"`
	Stray  Addr `json:"stray"`
}

// NewAccessor works out how a variable is reached in the instance whose data is
// at memory. Kernels know where their own set begins by its __start_ symbol;
// without the kernel's symbols the space for modules is taken to begin there.
func NewAccessor(k *loader.Kernel, m *loader.Module, name string, memory uint64) (*Accessor, error) {
	c := newChecker(k, m)
	for _, s := range m.Sets {
		for _, v := range c.symbolizer().between(s.Start, s.Stop) {
			if v.name != name && v.name != prefix(s.Name)+name {
				continue
			}
			start := k.Space(s.Name).Start
			if addr, ok := k.Symbols.Lookup("__start_" + s.Name); ok {
				start = addr
			}
			a := &Accessor{
				Variable: v.name, Set: s.Name, Module: m.Name,
				LinkTime: Addr(c.link(v.start)), Loaded: Addr(v.start), Rewritten: Addr(c.mask(v.start - s.Start + s.Base)),
				Start: Addr(s.Start), Base: Addr(s.Base),
				Memory: Addr(memory), KernelStart: Addr(start), DataBase: Addr(c.mask(memory - start)),
			}
			a.Result = Addr(c.mask(uint64(a.DataBase + a.Rewritten)))
			a.Stray = Addr(c.mask(uint64(a.DataBase + a.Loaded)))
			return a, nil
		}
	}
	return nil, fmt.Errorf("%s: no variable %s in its sets; names are those of nm (vnet_entry_NAME, pcpu_entry_NAME) or of the source", m.File.Path, quoted(name))
}

// prefix is what the kernel's macros put before a variable's name.
func prefix(set string) string { return strings.TrimPrefix(set, "set_") + "_entry_" }

// WriteText writes the arithmetic, a line a step.
func (a *Accessor) WriteText(w io.Writer) error {
	t := &text{w: w}
	t.printf("%s in %s of %s\n", a.Variable, a.Set, a.Module)
	t.printf("  link-time address   %v\n", a.LinkTime)
	t.printf("  where it is loaded  %v\n", a.Loaded)
	t.printf("  rewritten address   %v  = %v - start %v + base %v\n", a.Rewritten, a.Loaded, a.Start, a.Base)
	t.printf("  instance            data_base %v = data_mem %v - the kernel's own __start_%s %v\n", a.DataBase, a.Memory, a.Set, a.KernelStart)
	t.printf("  in the instance     %v  = data_base + rewritten address\n", a.Result)
	t.printf("  if not rewritten    %v  = data_base + address where it is loaded\n", a.Stray)
	return t.err
}
