// Package arch is the one table of architectures.
//
// Everything that differs between the machines FreeBSD loads kernel modules on
// stands in [All], a row each: how the ELF file looks, how its compilers and
// linkers are called, what its kernel demands. Nothing else in kmodpad switches
// on an architecture's name. The package imports nothing of kmodpad, so anyone
// may import it.
package arch

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Shape says what kind of ELF file a kernel module is on an architecture
// (sys/conf/kmod.mk, __KLD_SHARED).
type Shape int

const (
	// Shared modules are ET_DYN files made in two link stages and loaded by
	// sys/kern/link_elf.c.
	Shared Shape = iota
	// Relocatable modules are ET_REL files: the link stops after stage 1, and
	// sys/kern/link_elf_obj.c loads the result.
	Relocatable
)

func (s Shape) String() string {
	if s == Relocatable {
		return "relocatable"
	}
	return "shared"
}

// Arch is one architecture, named as FreeBSD's MACHINE_ARCH names it.
type Arch struct {
	Name    string
	Machine elf.Machine
	Class   elf.Class
	Order   binary.ByteOrder
	Shape   Shape

	// PageSize is the kernel's PAGE_SIZE in bytes (sys/<arch>/include/param.h).
	PageSize uint64

	// Where a dry run loads modules unless told otherwise: an address in the
	// kernel's module area, and the first bytes of the spaces that hold the
	// instances' template of set_vnet and set_pcpu. They are plausible and far
	// apart, and on amd64 within reach of a 32 bit signed relocation.
	ModuleBase, VnetBase, PcpuBase uint64

	// Sentinel says that kernels from FreeBSD 13 on refuse a module whose
	// set_vnet or set_pcpu does not end in the word 0x90909090
	// (parse_dpcpu and parse_vnet in sys/kern/link_elf.c).
	Sentinel bool

	// PreloadProtect says that the kernel sets the protection of a preloaded
	// module's segments, for which it reads the ELF header at the module's
	// address (preload_protect in sys/kern/link_elf.c).
	PreloadProtect bool

	// Target is clang's --target.
	Target string
	// GNUPrefixes are the prefixes of GNU cross tools, best first:
	// <prefix>-gcc, <prefix>-ld.bfd, <prefix>-objcopy. The tools of the last
	// ones may serve a whole family of machines; what a linker really accepts
	// is asked from it.
	GNUPrefixes []string
	// Emulations are the names a linker may know this architecture by (-m),
	// best first: FreeBSD's own, then those of other systems with the same
	// ELF format.
	Emulations []string

	// CFlags are the flags FreeBSD compiles kernel modules with that change
	// the code's shape (sys/conf/kern.mk and kmod.mk); ClangCFlags and
	// GCCCFlags are added for one compiler only.
	CFlags, ClangCFlags, GCCCFlags []string
	// LDFlags go to both link stages of every linker.
	LDFlags []string
	// StageTwo are flags of stage 2 (ld -Bshareable) alone, for both linkers;
	// StageTwoLLD and StageTwoBFD are added for one linker only.
	StageTwo, StageTwoLLD, StageTwoBFD []string

	// QEMU is the user-mode emulator of qemu-user; empty when there is none.
	QEMU string
}

// Is64 says whether addresses are 64 bits wide.
func (a *Arch) Is64() bool { return a.Class == elf.ELFCLASS64 }

// PointerSize is the size of a pointer in bytes.
func (a *Arch) PointerSize() uint64 {
	if a.Is64() {
		return 8
	}
	return 4
}

func (a *Arch) String() string { return a.Name }

// All holds every architecture that FreeBSD 12 to 15 loads kernel modules on,
// in alphabetical order.
var All = []*Arch{
	{
		Name: "aarch64", Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xffff000101000000, VnetBase: 0xffff000000d40000, PcpuBase: 0xffff000000d80000,
		PreloadProtect: true,
		Target:         "aarch64-unknown-freebsd14.0",
		GNUPrefixes:    []string{"aarch64-unknown-freebsd", "aarch64-linux-gnu"},
		Emulations:     []string{"aarch64fbsd", "aarch64elf", "aarch64linux"},
		CFlags:         []string{"-mgeneral-regs-only", "-ffixed-x18", "-fPIC", "-fno-omit-frame-pointer"},
		GCCCFlags:      []string{"-mno-outline-atomics"},
		// ld.lld 16 and later turn the GOT loads of set symbols into
		// PC-relative addressing, which no kernel can relocate (PR 264094).
		LDFlags: []string{"--no-relax"},
		QEMU:    "qemu-aarch64",
	},
	{
		Name: "amd64", Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Shape: Relocatable, PageSize: 4096,
		ModuleBase: 0xffffffff82a00000, VnetBase: 0xffffffff81f40000, PcpuBase: 0xffffffff81f80000,
		Target:      "x86_64-unknown-freebsd14.0",
		GNUPrefixes: []string{"x86_64-unknown-freebsd", "x86_64-linux-gnu"},
		Emulations:  []string{"elf_x86_64_fbsd", "elf_x86_64"},
		CFlags: []string{"-mcmodel=kernel", "-mno-red-zone", "-mno-mmx", "-mno-sse", "-msoft-float",
			"-fno-asynchronous-unwind-tables", "-fno-omit-frame-pointer", "-fno-pic"},
		QEMU: "qemu-x86_64",
	},
	{
		Name: "armv7", Machine: elf.EM_ARM, Class: elf.ELFCLASS32, Order: binary.LittleEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xc3000000, VnetBase: 0xc0d40000, PcpuBase: 0xc0d80000,
		Target:      "armv7-unknown-freebsd14.0-gnueabihf",
		GNUPrefixes: []string{"armv7-unknown-freebsd", "armv7-gnueabi-freebsd", "arm-gnueabi-freebsd", "arm-linux-gnueabihf", "arm-linux-gnueabi", "aarch64-linux-gnu"},
		Emulations:  []string{"armelf_fbsd", "armelf", "armelf_linux_eabi"},
		CFlags:      []string{"-march=armv7-a", "-mfloat-abi=soft", "-mno-unaligned-access", "-funwind-tables", "-fno-pic"},
		// The kernel has no relocation for movw/movt pairs (PR 196407).
		ClangCFlags: []string{"-mno-movt"},
		GCCCFlags:   []string{"-mword-relocations", "-marm"},
		QEMU:        "qemu-arm",
	},
	{
		Name: "i386", Machine: elf.EM_386, Class: elf.ELFCLASS32, Order: binary.LittleEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xc2000000, VnetBase: 0xc1940000, PcpuBase: 0xc1980000,
		Sentinel:    true,
		Target:      "i386-unknown-freebsd14.0",
		GNUPrefixes: []string{"i686-unknown-freebsd", "i386-unknown-freebsd", "i686-kfreebsd-gnu", "i686-linux-gnu", "x86_64-linux-gnu"},
		Emulations:  []string{"elf_i386_fbsd", "elf_i386"},
		// The last one matters with -fPIC: GNU ld turns GOT loads of set symbols
		// into lea, which no kernel can relocate, unless they are marked so.
		CFlags:    []string{"-m32", "-mno-mmx", "-mno-sse", "-msoft-float", "-fno-pic", "-Wa,-mrelax-relocations=no"},
		GCCCFlags: []string{"-mpreferred-stack-boundary=2"},
		QEMU:      "qemu-i386",
	},
	{
		Name: "powerpc", Machine: elf.EM_PPC, Class: elf.ELFCLASS32, Order: binary.BigEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xd2000000, VnetBase: 0xd0a40000, PcpuBase: 0xd0a80000,
		Target:      "powerpc-unknown-freebsd14.0",
		GNUPrefixes: []string{"powerpc-unknown-freebsd", "powerpc-linux-gnu"},
		Emulations:  []string{"elf32ppc_fbsd", "elf32ppc", "elf32ppclinux"},
		CFlags:      []string{"-fPIC", "-mlongcall", "-fno-omit-frame-pointer", "-mno-altivec", "-msoft-float"},
		ClangCFlags: []string{"-msecure-plt"},
		StageTwoLLD: []string{"--no-toc-optimize"},
		QEMU:        "qemu-ppc",
	},
	{
		Name: "powerpc64", Machine: elf.EM_PPC64, Class: elf.ELFCLASS64, Order: binary.BigEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xc008000001000000, VnetBase: 0xc000000001a40000, PcpuBase: 0xc000000001a80000,
		Target:      "powerpc64-unknown-freebsd14.0",
		GNUPrefixes: []string{"powerpc64-unknown-freebsd", "powerpc64-linux-gnu", "powerpc64le-linux-gnu"},
		Emulations:  []string{"elf64ppc_fbsd", "elf64ppc"},
		CFlags:      []string{"-fPIC", "-mlongcall", "-fno-omit-frame-pointer", "-mno-altivec", "-msoft-float", "-mabi=elfv2"},
		// Without this flag linkers turn the TOC load of a set symbol into an
		// addi, which no kernel can relocate.
		StageTwo: []string{"--no-toc-optimize"},
		QEMU:     "qemu-ppc64",
	},
	{
		Name: "powerpc64le", Machine: elf.EM_PPC64, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xc008000001000000, VnetBase: 0xc000000001a40000, PcpuBase: 0xc000000001a80000,
		Target:      "powerpc64le-unknown-freebsd14.0",
		GNUPrefixes: []string{"powerpc64le-unknown-freebsd", "powerpc64le-linux-gnu", "powerpc64-linux-gnu"},
		Emulations:  []string{"elf64lppc_fbsd", "elf64lppc"},
		CFlags:      []string{"-fPIC", "-mlongcall", "-fno-omit-frame-pointer", "-mno-altivec", "-mno-vsx", "-msoft-float", "-mabi=elfv2"},
		StageTwo:    []string{"--no-toc-optimize"},
		QEMU:        "qemu-ppc64le",
	},
	{
		Name: "riscv64", Machine: elf.EM_RISCV, Class: elf.ELFCLASS64, Order: binary.LittleEndian,
		Shape: Shared, PageSize: 4096,
		ModuleBase: 0xffffffc001000000, VnetBase: 0xffffffc000d40000, PcpuBase: 0xffffffc000d80000,
		Target:      "riscv64-unknown-freebsd14.0",
		GNUPrefixes: []string{"riscv64-unknown-freebsd", "riscv64-linux-gnu"},
		Emulations:  []string{"elf64lriscv_fbsd", "elf64lriscv"},
		CFlags:      []string{"-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-fPIC", "-mno-relax"},
		QEMU:        "qemu-riscv64",
	},
}

// ByName finds an architecture by its FreeBSD name.
func ByName(name string) (*Arch, error) {
	for _, a := range All {
		if a.Name == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("unknown architecture %q: kmodpad knows %s", name, strings.Join(Names(), ", "))
}

// ByELF finds the architecture of an ELF file by the fields of its header.
// It is nil when no architecture matches.
func ByELF(machine elf.Machine, class elf.Class, order binary.ByteOrder) *Arch {
	for _, a := range All {
		if a.Machine == machine && a.Class == class && a.Order == order {
			return a
		}
	}
	return nil
}

// Names lists the names of all architectures in alphabetical order.
func Names() []string {
	names := make([]string, len(All))
	for i, a := range All {
		names[i] = a.Name
	}
	slices.Sort(names)
	return names
}
