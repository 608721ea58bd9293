// Package profile describes what one release of a kernel checks and supports.
package profile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Profile is one FreeBSD release as its kernel linker sees modules.
type Profile struct {
	Major, Minor int

	// Sentinel: i386 kernels refuse a set that does not end in 0x90909090,
	// and ignore one that is nothing else (parse_dpcpu and parse_vnet in
	// sys/kern/link_elf.c).
	Sentinel bool
	// WholePointers: the size of a set is counted in pointers, so that the
	// last bytes of a set whose size is no multiple of a pointer's are neither
	// given space nor copied (the same functions, up to FreeBSD 12).
	WholePointers bool
	// MaxSegments is MAXSEGS of sys/kern/link_elf.c.
	MaxSegments int
	// PropagateLate: link_elf_obj copies a set to the instances after it has
	// relocated it, not before (link_elf_propagate_vnets in
	// sys/kern/link_elf_obj.c).
	PropagateLate bool
	// LocalFailures: link_elf_obj refuses a module whose relocation fails in
	// the local pass; before FreeBSD 13 it went on.
	LocalFailures bool
	// InitArrays: link_elf_obj loads SHT_INIT_ARRAY and SHT_FINI_ARRAY.
	InitArrays bool
	// OSVersion is __FreeBSD_version (sys/sys/param.h).
	OSVersion int32
	// VnetPages is the size of the vnet space for modules in pages
	// (VNET_MODMIN in sys/net/vnet.c), PcpuBytes that of the per-CPU space in
	// bytes (DPCPU_MODMIN in sys/sys/pcpu.h).
	VnetPages, PcpuBytes uint64
}

// All lists the known profiles, oldest first.
var All = []*Profile{
	{Major: 12, Minor: 1, WholePointers: true, MaxSegments: 4,
		OSVersion: 1201000, VnetPages: 8, PcpuBytes: 2048},
	{Major: 13, Minor: 0, Sentinel: true, LocalFailures: true, MaxSegments: 4,
		OSVersion: 1300139, VnetPages: 8, PcpuBytes: 2048},
	{Major: 14, Minor: 0, Sentinel: true, LocalFailures: true, MaxSegments: 4,
		OSVersion: 1400097, VnetPages: 8, PcpuBytes: 2048},
	{Major: 15, Minor: 0, Sentinel: true, LocalFailures: true, MaxSegments: 4, PropagateLate: true, InitArrays: true,
		OSVersion: 1500068, VnetPages: 8, PcpuBytes: 2048},
}

// Name is the release as people write it, for example 14.0.
func (p *Profile) Name() string { return fmt.Sprintf("%d.%d", p.Major, p.Minor) }

// ReadsHeaders says whether the kernel reads a preloaded module's ELF header at
// the module's address (preload_protect in sys/kern/link_elf.c).
func (p *Profile) ReadsHeaders(a *arch.Arch) bool {
	return a.PreloadProtect && p.AtLeast(14, 0)
}

// AtLeast says whether the profile's release is not older than major.minor.
func (p *Profile) AtLeast(major, minor int) bool {
	return p.Major > major || p.Major == major && p.Minor >= minor
}

// Newest is the profile used when none is asked for.
func Newest() *Profile { return All[len(All)-1] }

// Parse finds a profile by its release (14.0); a bare major number (14) means
// the newest of that series, and an empty name the newest of all.
func Parse(name string) (*Profile, error) {
	if name == "" {
		return Newest(), nil
	}
	var found *Profile
	for _, p := range All {
		if p.Name() == name || strconv.Itoa(p.Major) == name {
			found = p
		}
	}
	if found == nil {
		return nil, fmt.Errorf("unknown kernel profile %q: kmodpad knows %s", name, strings.Join(Names(), ", "))
	}
	return found, nil
}

// Names lists the releases of all profiles, oldest first.
func Names() []string {
	names := make([]string, len(All))
	for i, p := range All {
		names[i] = p.Name()
	}
	return names
}
