package padcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// Rule is one thing that the verifier checks.
type Rule struct {
	ID string
	// Title says in a line what is wrong.
	Title string
	// Meaning says what the rule looks at and why it matters, Kernel how it
	// fails in the kernel, Mend what to do.
	Meaning, Kernel, Mend string
}

// Rule ids of the checks on sets and references; those of the loaders' own
// checks are in package loader.
const (
	RuleBoundaryReference      = "boundary-reference"
	RuleReferencePastPadding   = "reference-past-padding"
	RuleReferenceBelowSet      = "reference-below-set"
	RuleCapturedReference      = "captured-reference"
	RuleUnvirtualisedReference = "unvirtualised-reference"
	RuleUnrelocatedInitialiser = "unrelocated-initialiser"
	RuleEmptySetSection        = "empty-set-section"
	RuleBogusSetSymbols        = "bogus-set-symbols"
	RuleSetMisaligned          = "set-misaligned"
	RuleNotShared              = "not-a-shared-object"
	padScript                  = "pad the set in link stage 1 with an ldscript.set_padding (strategy constraint)"
	padMeasured                = "pad the set by as much as its references need (strategy measured), change the index expression so that it stays inside the array, or put another variable at that end of the set"
	relocaddrBounds            = "elf_relocaddr() in sys/kern/link_elf.c rewrites an address x only if start <= x < stop"
	wrongAddress               = "The reference keeps its link-time address in the module's own map. The code adds the instance's offset to it and so writes to memory that has nothing to do with the variable: a page fault at kldload at best, silent corruption at worst."
)

// Rules lists every rule, in alphabetical order.
var Rules = sortedRules([]Rule{
	{
		ID:      RuleBoundaryReference,
		Title:   "a reference to the first byte past a set is not rewritten",
		Meaning: "Compilers fold &array + sizeof(array) into one address, for instance as the end of a loop. When the array is the last thing in set_vnet or set_pcpu, that address is the set's own end.",
		Kernel:  relocaddrBounds + ", so an address equal to stop stays as it is. " + wrongAddress + " This is PR 230857.",
		Mend:    padScript,
	},
	{
		ID:      RuleReferencePastPadding,
		Title:   "a reference past the end of a set, and of its padding, is not rewritten",
		Meaning: "With an array of structures at the end of the set, a loop can refer to a field of the element past the end: stop + 4, stop + 28. The four bytes of FreeBSD's own script do not reach that far.",
		Kernel:  relocaddrBounds + ". " + wrongAddress,
		Mend:    padMeasured,
	},
	{
		ID:      RuleReferenceBelowSet,
		Title:   "a reference below the start of a set is not rewritten",
		Meaning: "a[n - 1], or an index that counts from one, is folded into an address below the array. When the array is the first thing in the set, that address lies below the set.",
		Kernel:  relocaddrBounds + ". " + wrongAddress + " Padding at the end of the set, as FreeBSD's own script makes it, does not help.",
		Mend:    padMeasured,
	},
	{
		ID:      RuleCapturedReference,
		Title:   "a neighbour's reference lands inside a set and is rewritten although it must not be",
		Meaning: "A reference to a variable outside of the sets leaves that variable's section by some bytes, as a 1-based index does, and lands in the set next to it. The end symbol of a linker set that lies right before does the same.",
		Kernel:  "elf_relocaddr() and elf_set_find() in sys/kern/link_elf.c see only the address, take it for a virtualised variable, and move it to the instance space. The code then uses memory of the instances' template for a plain variable, or walks past the end of a linker set.",
		Mend:    "keep the neighbour away with guards around the set (strategy measured), or change the index expression so that it stays inside the array",
	},
	{
		ID:      RuleUnvirtualisedReference,
		Title:   "a reference reaches a set without passing the kernel's relocations",
		Meaning: "PC-relative and TOC-relative addressing is resolved by the linker for good, and linkers turn loads through the GOT or the TOC into such addressing when the symbol is local. Then the kernel has nothing to rewrite.",
		Kernel:  "The code uses the set inside the module, which is the template and not the instance: every network stack or CPU shares one variable, at an address that the instance's offset was added to.",
		Mend:    "compile with -fPIC, link with --no-relax (aarch64) or --no-toc-optimize (powerpc64), on i386 assemble with -Wa,-mrelax-relocations=no when linking with GNU ld, and do not make the variable static",
	},
	{
		ID:      RuleUnrelocatedInitialiser,
		Title:   "a virtualised variable is initialised with an address, which the instances never see",
		Meaning: "A pointer initialiser, such as VNET_DEFINE(struct x *, p) = &y, leaves a relocation whose place is inside the set.",
		Kernel:  "link_elf copies the set to the instance space before it relocates the module, and never again, so every instance has the link-time value. link_elf_obj relocates the template itself; up to FreeBSD 14 the instances that exist already have been given their copy by then.",
		Mend:    "set the pointer in a VNET_SYSINIT (or for each CPU) instead of initialising it",
	},
	{
		ID:      RuleEmptySetSection,
		Title:   "a set holds no variable",
		Meaning: "A linker script that pads without asking leaves a set of nothing but padding in every module.",
		Kernel:  "From FreeBSD 13 on the i386 kernel recognises four bytes of padding and does nothing; other kernels, and FreeBSD 12, spend instance space on them.",
		Mend:    "pad only where the set exists (strategy constraint)",
	},
	{
		ID:      RuleBogusSetSymbols,
		Title:   "the __start_ and __stop_ symbols of a set do not enclose it",
		Meaning: "The kernel finds a set by these two symbols alone. A linker script in stage 2 can leave them behind with a value of zero or with an address outside of the section.",
		Kernel:  "link_elf_lookup_set() takes the symbols' values as they are, so the kernel copies the wrong bytes and rewrites the wrong references.",
		Mend:    "give the linker script to stage 1 (ld -r) and leave stage 2 to the linker's own layout",
	},
	{
		ID:      RuleSetMisaligned,
		Title:   "a set needs more alignment than its space grants",
		Meaning: "The spaces for modules hand out addresses aligned to a pointer, whatever alignment the set's section has.",
		Kernel:  "vnet_data_alloc() and dpcpu_alloc() round sizes up to pointers and nothing else. A variable that was declared __aligned(64) may start anywhere; instructions that insist on alignment fault.",
		Mend:    "do not ask for more than pointer alignment in a virtualised variable, or allocate it and keep a pointer to it there",
	},
	{
		ID:      RuleNotShared,
		Title:   "the module is a relocatable object, but this architecture's are shared objects",
		Meaning: "On all architectures but amd64 the link goes on after ld -r. The output of that stage has the relocations of objects, not those that these kernels expect.",
		Kernel:  "link_elf_obj takes the file, but elf_reloc_local() of these kernels knows R_*_RELATIVE alone: relocations against local symbols are never applied, and the others are mostly unknown.",
		Mend:    "run stage 2 of the link (ld -Bshareable) and load its output",
	},
	{
		ID:      loader.RuleMissingSentinel,
		Title:   "a set does not end in the padding that the kernel looks for",
		Meaning: "From FreeBSD 13 on, i386 kernels want the last word of set_vnet and set_pcpu to be 0x90909090, as their linker script writes it.",
		Kernel:  "parse_dpcpu() or parse_vnet() in sys/kern/link_elf.c fails with ENOEXEC, and kldload prints that the module must be recompiled with linker script.",
		Mend:    padScript,
	},
	{
		ID:      loader.RuleNoHashTable,
		Title:   "the module has no SysV symbol hash table",
		Meaning: "The kernel looks symbols up through DT_HASH. Linkers that make DT_GNU_HASH only leave it without.",
		Kernel:  "link_elf_lookup_symbol() prints: missing symbol hash table. Nothing is found: no set, no metadata, no symbol.",
		Mend:    "link stage 2 with --hash-style=sysv or --hash-style=both",
	},
	{
		ID:      loader.RuleUnknownRelocation,
		Title:   "a relocation is of a type that the kernel does not know",
		Meaning: "Each kernel's elf_machdep.c knows a few relocation types, those that its own flags make compilers and linkers emit.",
		Kernel:  "elf_reloc() prints: kldload: unexpected relocation type N, and the module is refused.",
		Mend:    "compile and link with the kernel's own flags for this architecture",
	},
	{
		ID:      loader.RuleUndefinedSymbol,
		Title:   "nothing defines a symbol",
		Meaning: "A symbol is looked up in the module, in the kernel, and in the modules that MODULE_DEPEND names, and nowhere else.",
		Kernel:  "link_elf prints: symbol NAME undefined, and kldload fails with ENOENT.",
		Mend:    "add the MODULE_DEPEND, export the symbol from the module that has it (EXPORT_SYMS), or load the module into a kernel that has it",
	},
	{
		ID:      loader.RuleRelocationOverflow,
		Title:   "a relocated value does not fit in its field",
		Meaning: "A branch or an immediate has too few bits for the distance.",
		Kernel:  "elf_reloc() refuses the module.",
		Mend:    "compile with the kernel's own flags for this architecture, and run stage 2 of the link, which makes the detours",
	},
	{
		ID:      loader.RuleAddendDropped,
		Title:   "the kernel ignores the addend of a relocation",
		Meaning: "Up to FreeBSD 13.1 the riscv64 kernel computes S where the ABI says S + A for R_RISCV_64, so that a pointer into the middle of an object points to its start.",
		Kernel:  "elf_reloc_internal() in sys/riscv/riscv/elf_machdep.c writes the symbol's address alone.",
		Mend:    "keep the symbol local (EXPORT_SYMS), so that the linker emits R_RISCV_RELATIVE, whose addend counts, or set the pointer at run time",
	},
	{
		ID:      loader.RuleSetSpaceExhausted,
		Title:   "the instance space for modules is full",
		Meaning: "All modules together share eight pages for set_vnet and 2048 bytes for set_pcpu, padding included.",
		Kernel:  "parse_vnet() or parse_dpcpu() prints that the module space is out of space, and kldload fails with ENOSPC.",
		Mend:    "allocate large variables and keep pointers to them in the set, or unload what is not needed",
	},
	{
		ID:      loader.RuleTooManySegments,
		Title:   "the module has more PT_LOAD segments than the kernel takes",
		Meaning: "MAXSEGS in sys/kern/link_elf.c is a fixed number, and newer linkers make more segments.",
		Kernel:  "link_elf_load_file() prints: Too many sections, and fails with ENOEXEC.",
		Mend:    "link with -z norelro, with -z noseparate-code (GNU ld), or with --no-rosegment (ld.lld)",
	},
	{
		ID:      loader.RuleInterpreterRequested,
		Title:   "the module asks for a program interpreter",
		Meaning: "A PT_INTERP segment belongs to a program.",
		Kernel:  "link_elf_load_file() fails with ENOSYS.",
		Mend:    "link with -Bshareable, and without -pie or --dynamic-linker",
	},
	{
		ID:      loader.RuleHeadersOutsideSegment,
		Title:   "the ELF headers are not part of the first segment",
		Meaning: "On aarch64 the kernel reads a preloaded module's headers at the address it was loaded at, to set the protection of its segments.",
		Kernel:  "preload_protect() in sys/kern/link_elf.c interprets other bytes as program headers.",
		Mend:    "do not give stage 2 a linker script without SIZEOF_HEADERS, nor -N or -z separate-loadable-segments",
	},
	{
		ID:      loader.RuleNotAtZero,
		Title:   "the module is not linked at address zero",
		Meaning: "The kernel adds the address of the first mapped byte to every address in the file.",
		Kernel:  "Every table of the module is looked for in the wrong place.",
		Mend:    "link with -Bshareable and without -Ttext or an image base",
	},
	{
		ID:      loader.RuleMissingDependency,
		Title:   "a module that this one depends on is not loaded",
		Meaning: "MODULE_DEPEND names a module; the kernel looks for it among the loaded ones and those compiled in, and then among the files of module_path.",
		Kernel:  "kldload says: depends on NAME - not available or version mismatch.",
		Mend:    "give the module with --with, in front of those that need it",
	},
	{
		ID:      loader.RuleDependencyVersion,
		Title:   "a module that this one depends on has the wrong version",
		Meaning: "MODULE_DEPEND gives the lowest and the highest version that will do.",
		Kernel:  "kldload says: depends on NAME - not available or version mismatch.",
		Mend:    "build both modules from one tree, and for the kernel that loads them",
	},
	{
		ID:      loader.RuleCommonSymbol,
		Title:   "a variable is a common symbol",
		Meaning: "A tentative definition compiled with -fcommon gets its memory from the linker, and ld -r only gives it some with -d.",
		Kernel:  "link_elf_obj takes the symbol's alignment for its address.",
		Mend:    "compile with -fno-common",
	},
	{
		ID:      loader.RuleUnloadedSection,
		Title:   "a section that the kernel does not load has relocations",
		Meaning: "link_elf_obj loads sections of type PROGBITS and NOBITS, and some of its releases a few more.",
		Kernel:  "link_elf_reloc_local() prints: lost base for reltab, and fails with ENOEXEC.",
		Mend:    "keep the section out of the module, or give it the type PROGBITS",
	},
})

func sortedRules(rules []Rule) []Rule {
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return rules
}

// RuleByID finds a rule.
func RuleByID(id string) (*Rule, error) {
	for i := range Rules {
		if Rules[i].ID == id {
			return &Rules[i], nil
		}
	}
	ids := make([]string, len(Rules))
	for i, r := range Rules {
		ids[i] = r.ID
	}
	return nil, fmt.Errorf("unknown rule %q; the rules are %s", id, strings.Join(ids, ", "))
}

// mend is a rule's cure.
func mend(id string) string {
	r, err := RuleByID(id)
	if err != nil {
		panic(err) // a mistake in this package, seen by the tests of every rule
	}
	return r.Mend
}
