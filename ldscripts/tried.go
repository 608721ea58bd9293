package ldscripts

// Linker is a linker that the scripts were tried with.
type Linker struct {
	Kind    string // "ld.bfd" or "ld.lld", as package toolchains says it
	Version string // as far as it matters: 2.40, 19
}

func (l Linker) String() string {
	if l.Kind == "ld.bfd" {
		return "GNU ld " + l.Version
	}
	return "LLD " + l.Version
}

// Tried lists the linkers that every script was tried with, and says so in
// each. The test TestTried tries all of them that are installed, on every
// architecture; add a linker here when it passes there.
var Tried = []Linker{
	{"ld.bfd", "2.40"},
	{"ld.lld", "13"},
	{"ld.lld", "14"},
	{"ld.lld", "15"},
	{"ld.lld", "16"},
	{"ld.lld", "19"},
	{"ld.lld", "22"},
}
