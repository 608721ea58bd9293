package padcheck

import (
	"debug/elf"
	"fmt"

	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// sysinit is a struct sysinit (sys/sys/kernel.h), or a struct vnet_sysinit
// (sys/net/vnet.h).
type sysinit struct {
	subsystem, order uint32
	// function is what it calls, and argument what with: their names, and the
	// argument's address.
	function, argument string
	at                 uint64
	// kernel says that the function is not the module's own.
	kernel bool
	// vnet is what the argument points to, when the function is one of the
	// kernel's that register and deregister those.
	vnet *sysinit
	// module is what the argument points to, when the function is
	// module_register_init.
	module *moduledata
}

// moduledata is a struct moduledata (sys/sys/module.h).
type moduledata struct {
	name, handler string
}

// eventReader reads structures from a module's memory as the loader left it.
type eventReader struct {
	*checker
	ptr uint64
	// places are the relocations by their place: what an undefined symbol's
	// address will be is not known, but its name is.
	places map[uint64]*reloc.Record

	// In the order of their sets.
	inits, uninits []sysinit
	modules        []moduledata
	// listed and unlisted count the SYSINITs of either layout.
	listed, unlisted int
	notes            []string
}

// Kernel functions that a SYSINIT of these kinds calls.
const (
	registerSysinit     = "vnet_register_sysinit"
	registerSysuninit   = "vnet_register_sysuninit"
	deregisterSysinit   = "vnet_deregister_sysinit"
	deregisterSysuninit = "vnet_deregister_sysuninit"
	registerModule      = "module_register_init"
	tslogShim           = "sysinit_tslog_shim"
)

// maxSysinits bounds a set. The kernel sorts it by comparing every member with
// every other, and no module has more than a few hundred.
const maxSysinits = 10000

// mdtModule is MDT_MODULE of sys/sys/module.h.
const mdtModule = 2

func readEvents(k *loader.Kernel, m *loader.Module) (*eventReader, error) {
	r := &eventReader{checker: newChecker(k, m), ptr: m.File.Arch.PointerSize(), places: map[uint64]*reloc.Record{}, notes: []string{}}
	for i := range m.Trace {
		r.places[m.Trace[i].P] = &m.Trace[i]
	}
	var err error
	if r.inits, err = r.sysinits("set_sysinit_set"); err != nil {
		return nil, err
	}
	if r.uninits, err = r.sysinits("set_sysuninit_set"); err != nil {
		return nil, err
	}
	return r, r.eachMember("set_modmetadata_set", func(at uint64) bool {
		// struct mod_metadata { int md_version, md_type; void *md_data; ... }
		typ, ok := r.word(at + 4)
		if ok && typ == mdtModule {
			data, known := r.moduledata(at + 8)
			if ok = known; ok {
				r.modules = append(r.modules, *data)
			}
		}
		return ok
	})
}

// sysinits reads the members of a set.
func (r *eventReader) sysinits(set string) (list []sysinit, err error) {
	err = r.eachMember(set, func(at uint64) bool {
		s, ok := r.sysinit(at, true)
		if ok {
			list = append(list, *s)
		}
		return ok
	})
	return list, err
}

// eachMember calls read with the address that each pointer of a set holds. read
// is false where nothing sensible is.
func (r *eventReader) eachMember(set string, read func(at uint64) bool) error {
	start, stop, ok := r.m.LinkerSet(set)
	if !ok || stop < start {
		return nil
	}
	n := (stop - start) / r.ptr
	if n > maxSysinits {
		return &object.FormatError{Path: r.m.File.Path, What: fmt.Sprintf("%s has %d members; the kernel's time for so many is without end", set, n)}
	}
	bad := 0
	for i := range n {
		at, ok := r.pointer(start + i*r.ptr)
		if !ok || !read(at) {
			bad++
		}
	}
	if bad > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%s: %s of %d pointing outside the module; the kernel would read whatever is there", set, count(bad, "member"), n))
	}
	return nil
}

// sysinit reads a struct sysinit. On the way to FreeBSD 14 it got a list entry
// before its function:
//
//	12, 13		{ int subsystem, order; void *func, *udata; }
//	14, 15		{ int subsystem, order; void *next, *func, *udata; }
//
// A function is always relocated and a list entry never, which tells them
// apart. A struct vnet_sysinit is of the first form in all of them.
func (r *eventReader) sysinit(at uint64, outer bool) (*sysinit, bool) {
	subsystem, ok1 := r.word(at)
	order, ok2 := r.word(at + 4)
	if !ok1 || !ok2 {
		return nil, false
	}
	function := at + 8
	if outer {
		if r.places[function] == nil && r.places[function+r.ptr] != nil {
			function += r.ptr
			r.listed++
		} else {
			r.unlisted++
		}
	}
	if r.m.Read(function, 2*r.ptr) == nil {
		return nil, false
	}
	s := &sysinit{subsystem: subsystem, order: order}
	s.function, s.kernel = r.name(function)
	if outer && s.function == tslogShim {
		// options TSLOG: struct sysinit_tslog { func; data; name; }
		if function, ok1 = r.pointer(function + r.ptr); !ok1 || r.m.Read(function, 2*r.ptr) == nil {
			return nil, false
		}
		s.function, s.kernel = r.name(function)
	}
	s.at, _ = r.pointer(function + r.ptr)
	if s.at != 0 || r.places[function+r.ptr] != nil {
		s.argument, _ = r.name(function + r.ptr)
	}
	if !outer || !s.kernel {
		return s, true
	}
	ok := true
	switch s.function {
	case registerSysinit, registerSysuninit, deregisterSysinit, deregisterSysuninit:
		s.vnet, ok = r.sysinit(s.at, false)
	case registerModule:
		s.module, ok = r.moduledata(function + r.ptr)
	}
	return s, ok
}

// moduledata reads the struct moduledata { char *name; void *evhand, *priv; }
// that the pointer at a place points to.
func (r *eventReader) moduledata(place uint64) (*moduledata, bool) {
	at, ok := r.pointer(place)
	if !ok || r.m.Read(at, 2*r.ptr) == nil {
		return nil, false
	}
	name, _ := r.pointer(at)
	d := &moduledata{name: r.cString(name)}
	if handler, _ := r.pointer(at + r.ptr); handler != 0 || r.places[at+r.ptr] != nil {
		d.handler, _ = r.name(at + r.ptr)
	}
	return d, true
}

// name names what the pointer at a place points to, and says whether that is
// outside the module.
func (r *eventReader) name(place uint64) (name string, kernel bool) {
	if rec := r.places[place]; rec != nil && rec.Symbol != 0 {
		sym := r.m.Symbols.At(rec.Symbol)
		if !sym.Defined() && sym.Bind() != elf.STB_LOCAL {
			return plus(r.m.Symbols.NameOf(rec.Symbol), int64(rec.A)), true
		}
	}
	at, _ := r.pointer(place)
	return r.place(at), false
}

func (r *eventReader) word(at uint64) (uint32, bool) {
	b := r.m.Read(at, 4)
	if b == nil {
		return 0, false
	}
	return r.m.File.Arch.Order.Uint32(b), true
}

func (r *eventReader) pointer(at uint64) (uint64, bool) {
	b := r.m.Read(at, r.ptr)
	return word(r.m.File.Arch.Order, b), b != nil
}

// cString reads a name; what is not there is "".
func (r *eventReader) cString(at uint64) string {
	const longest = 256
	var b []byte
	for i := range uint64(longest) {
		c := r.m.Read(at+i, 1)
		if c == nil || c[0] == 0 {
			break
		}
		b = append(b, c[0])
	}
	return quoted(string(b))
}
