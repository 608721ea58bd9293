// Package testdata holds kernel modules written to show, one each, what can go
// wrong with set_vnet and set_pcpu: their C sources, the headers these need,
// and their objects for machines without a compiler. samples/README.md says
// what each of them shows.
//
// Tests of all packages use them, and so does the command that shows the bug to
// a user.
package testdata

import "embed"

// Sources holds samples/*.c and samples/samples.yaml, which says how to compile
// them and what to expect.
//
//go:embed samples/*.c samples/samples.yaml
var Sources embed.FS

// Include holds include/kmodpad/*.h. The folder include goes to the compiler
// with -I.
//
//go:embed include
var Include embed.FS

// Objects holds objects/ARCH/SAMPLE.o, made from Sources by clang 19. All
// symbols but the sample's exports are local in them already, so that a linker
// is all it takes to make a module. TestObjects holds them to the sources.
//
//go:embed objects
var Objects embed.FS
