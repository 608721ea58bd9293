package loader

import (
	"bytes"
	"fmt"
	"slices"
)

// Metadata is what a module declares about itself and its dependencies, the
// contents of set_modmetadata_set (sys/sys/module.h).
type Metadata struct {
	Modules  []string // MDT_MODULE: names of DECLARE_MODULE
	Versions []Version
	Depends  []Dependency
}

// Version is a MODULE_VERSION.
type Version struct {
	Module  string
	Version int32
}

// Dependency is a MODULE_DEPEND.
type Dependency struct {
	Module                      string
	Minimum, Preferred, Maximum int32
}

// Types of metadata records (MDT_* in sys/sys/module.h).
const (
	mdtDepend  = 1
	mdtModule  = 2
	mdtVersion = 3
)

// ReadMetadata reads the metadata records that the pointers in [start, stop)
// of a module's memory point to. Records that lie outside the module, as those
// whose pointer was not relocated do, are left out, as are records of a type
// that has nothing to do with loading.
func (m *Module) ReadMetadata(start, stop uint64) {
	a := m.File.Arch
	ptr := a.PointerSize()
	pointer := func(addr uint64) uint64 {
		b := m.Read(addr, ptr)
		switch {
		case b == nil:
			return 0
		case a.Is64():
			return a.Order.Uint64(b)
		default:
			return uint64(a.Order.Uint32(b))
		}
	}
	word := func(addr uint64) (int32, bool) {
		b := m.Read(addr, 4)
		if b == nil {
			return 0, false
		}
		return int32(a.Order.Uint32(b)), true
	}
	for at := start; at < stop && stop-at >= ptr && stop-at <= m.Size; at += ptr {
		// struct mod_metadata { int md_version, md_type; void *md_data; char *md_cval; }
		record := pointer(at)
		typ, ok := word(record + 4)
		if !ok {
			continue
		}
		data, name := pointer(record+8), m.cString(pointer(record+8+ptr))
		if name == "" {
			continue
		}
		switch typ {
		case mdtModule:
			m.Metadata.Modules = append(m.Metadata.Modules, name)
		case mdtVersion:
			if v, ok := word(data); ok {
				m.Metadata.Versions = append(m.Metadata.Versions, Version{name, v})
			}
		case mdtDepend:
			// struct mod_depend { int md_ver_minimum, md_ver_preferred, md_ver_maximum; }
			lo, ok1 := word(data)
			pref, ok2 := word(data + 4)
			hi, ok3 := word(data + 8)
			if ok1 && ok2 && ok3 {
				m.Metadata.Depends = append(m.Metadata.Depends, Dependency{name, lo, pref, hi})
			}
		}
	}
}

// cString reads the string at an address; it is empty when the memory ends
// before the string does.
func (m *Module) cString(addr uint64) string {
	const longest = 256
	for _, r := range m.Memory {
		if !r.Contains(addr, 1) {
			continue
		}
		b := r.Data[addr-r.Addr:]
		if n := bytes.IndexByte(b[:min(len(b), longest)], 0); n >= 0 {
			return string(b[:n])
		}
	}
	return ""
}

// kernelModule is the module name under which a kernel's own version is known
// (MODULE_VERSION(kernel, __FreeBSD_version) in sys/kern/kern_module.c).
const kernelModule = "kernel"

// LoadDependencies is linker_load_dependencies in sys/kern/kern_linker.c,
// without the search for files: every MODULE_DEPEND must find its module, in a
// version between minimum and maximum, among the modules loaded so far.
func (k *Kernel) LoadDependencies(m *Module) {
	for _, d := range m.Metadata.Depends {
		if slices.ContainsFunc(m.Metadata.Versions, func(v Version) bool { return v.Module == d.Module }) {
			continue // the file provides the module itself
		}
		if d.Module == kernelModule {
			k.checkKernelVersion(m, d)
			continue
		}
		provider, version := k.provider(d)
		switch {
		case provider != nil:
			if !slices.Contains(m.deps, provider) {
				m.deps = append(m.deps, provider)
			}
		case version != nil:
			m.Problem(Problem{Rule: RuleDependencyVersion, Refuses: true,
				Detail: fmt.Sprintf("it depends on %s in version %d to %d, and version %d is loaded", d.Module, d.Minimum, d.Maximum, version.Version)})
		default:
			// The kernel itself may have it compiled in.
			m.Problem(Problem{Rule: RuleMissingDependency,
				Detail: fmt.Sprintf("it depends on %s in version %d to %d, which no module loaded before provides", d.Module, d.Minimum, d.Maximum)})
		}
	}
}

func (k *Kernel) checkKernelVersion(m *Module, d Dependency) {
	v := k.Profile.OSVersion
	if v != d.Preferred && (v < d.Minimum || v > d.Maximum) {
		m.Problem(Problem{Rule: RuleDependencyVersion,
			Detail: fmt.Sprintf("it was built for kernels of version %d to %d, and FreeBSD %s is %d", d.Minimum, d.Maximum, k.Profile.Name(), v)})
	}
}

// provider is modlist_lookup2: the loaded module with the preferred version, or
// else with the highest in the range. Where only versions out of the range are
// loaded, it returns one of those instead of a module.
func (k *Kernel) provider(d Dependency) (best *Module, other *Version) {
	var highest int32
	for _, m := range k.Modules {
		for i, v := range m.Metadata.Versions {
			switch {
			case v.Module != d.Module:
			case v.Version == d.Preferred:
				return m, nil
			case v.Version < d.Minimum || v.Version > d.Maximum:
				other = &m.Metadata.Versions[i]
			case best == nil || v.Version > highest:
				best, highest = m, v.Version
			}
		}
	}
	return best, other
}
