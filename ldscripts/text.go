package ldscripts

import "github.com/kmodpad/kmodpad/toolchains/arch"

var upstreamPurpose = []string{
	"Ends set_pcpu and set_vnet of a FreeBSD kernel module with four bytes of",
	"padding, so that a reference to the byte after the last array still lies",
	"inside the set and is moved to the instance when the module is loaded.",
	"Strategy \"upstream\", as FreeBSD 13 and later do it: every module gets both",
	"sections, even one that virtualises nothing.",
}

var constraintPurpose = []string{
	"Ends set_pcpu and set_vnet of a FreeBSD kernel module with four bytes of",
	"padding, so that a reference to the byte after the last array still lies",
	"inside the set and is moved to the instance when the module is loaded.",
	"Strategy \"constraint\": a set that the module does not have stays away, since",
	"ONLY_IF_RW drops a statement that has no writable input.",
}

var sizePurpose = []string{
	"Makes the sizes of set_pcpu and set_vnet of a FreeBSD kernel module symbols",
	"for the script of stage 2. Strategy \"sized-symbol\", first of two scripts: the",
	"form that was first proposed, kept for comparison. GNU ld refuses it for a",
	"module that lacks one of the sets.",
}

var sizedSymbolPurpose = []string{
	"Ends set_pcpu and set_vnet of a FreeBSD kernel module with four bytes of",
	"padding if the script of stage 1 found them not empty. Strategy",
	"\"sized-symbol\", second of two scripts: the form that was first proposed, kept",
	"for comparison. LLD leaves an empty section for a set that is not there.",
}

var measuredPurpose = []string{
	"Pads set_pcpu and set_vnet of one FreeBSD kernel module by as much as its",
	"references need, so that all of them lie inside the set and are moved to the",
	"instance when the module is loaded. Strategy \"measured\".",
}

var guardPurpose = []string{
	"Guards beside a set keep references to its neighbours from landing in it.",
}

func sentinelPurpose(a *arch.Arch) []string {
	if a.Sentinel {
		return []string{
			a.Name + " kernels from FreeBSD 13 on refuse a module whose sets do not end in the",
			"word 0x90909090.",
		}
	}
	return []string{"No " + a.Name + " kernel asks for the padding; it only mends the reference."}
}
