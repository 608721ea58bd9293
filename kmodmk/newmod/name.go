package newmod

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// longest is how long a module's name can be for kldstat(2) to tell it whole
// (MAXMODNAMEV1V2 of sys/sys/module.h, without the NUL).
const longest = 31

// taken are words that a name cannot be: C's own, what compilers define as
// macros, and the beginnings of names in the kernel's headers that the module
// would define a second time.
var taken = strings.Fields(`
	auto break case char const continue default do double else enum extern
	float for goto if inline int long register restrict return short signed
	sizeof static struct switch typedef union unsigned void volatile while
	alignas alignof asm bool constexpr false nullptr static_assert
	thread_local true typeof typeof_unqual
	arm i386 linux mips sun unix
	atomic bus callout counter critical cv device domain dpcpu inet inet6 kern
	kernel lockmgr module mtx rm rw sema so soo sx sysctl sysinit taskqueue uma
	vfs vn vnet vop
`)

// checkName refuses what cannot be a module's name and begin names in C.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a module needs a name")
	case !identifier.MatchString(name):
		return fmt.Errorf("module name %q: names in C begin with it, so only letters, digits and _ can be in it, and no digit comes first", name)
	case len(name) > longest:
		return fmt.Errorf("module name %q has %d characters, and the kernel takes %d", name, len(name), longest)
	case slices.Contains(taken, name):
		return fmt.Errorf("module name %q: it means something else in C or in the kernel's headers; choose another", name)
	}
	return nil
}
