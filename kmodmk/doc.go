// Package kmodmk builds kernel modules: it reads kmod.yaml, turns each module
// into a plan of the two-stage link that FreeBSD's kmod.mk does, and prints
// that plan as shell lines or runs it.
//
//	sources --cc--> objects --ld -r -T script--> M.stage1 --objcopy--> M.kld --ld -Bshareable -S--> M.ko
//
// With the strategies auto and measured the modules are then looked at: if a
// reference still leaves a set, or a neighbour's lands in one, all that follows
// the objects is done once more, with a script and guards made for that module:
//
//	M.kld --measure--> script, guards.o;  objects, guards.o --ld -r -T script--> ... --> M.ko
//
// What was found is noted beside the module, so that the next build begins with
// that. A module that needs more than is allowed (max) keeps its first link,
// and the report says why.
//
// What differs from kmod.mk, and why:
//
//   - Stage 1 has no -d, which 12.x passes to give common symbols an address:
//     ld.lld 14 warns of it, 15 and later ignore it, and sources are compiled
//     with -fno-common, so that there are none.
//   - There is no -warn-common, for the same reason.
//   - Debug information is left out by the last link (-S) rather than by
//     another objcopy, so that a module which exports everything can be built
//     with nothing but a linker.
//   - Stage 2 asks for --hash-style=sysv, since the kernel looks symbols up in
//     DT_HASH alone, and some linkers are configured to leave that out.
//
// Modules of architectures that load relocatable objects (amd64) have stage 1
// alone, without padding; objcopy --strip-debug then makes M.ko.
package kmodmk
