// Package plugin makes the build-system plugins: small files that give a build
// which is not kmodmk's own the same padded and verified link.
//
//	kmod.padding.mk      bmake, for modules that are built by <bsd.kmod.mk>
//	mk/bsd.kmod.mk       the same for every module of a tree: bmake -m DIR/mk -m /usr/share/mk
//	ldscript.*           what kmod.padding.mk gives to link stage 1
//	kmodpad.kmod.mk      bmake alone, without a FreeBSD tree
//	kmodpad.gnu.mk       GNU make alone
//	FindKmodpad.cmake    CMake: find_package(Kmodpad), kmodpad_add_module(...)
//
// All of them are rendered from templates through one [Model], whose commands
// are taken from the plans that package kmodmk makes: each plan is made once
// with stand-ins for everything that only the build knows, and the words of its
// commands become the plugins' words. Nothing about a compiler, a linker or an
// architecture is written down here a second time.
//
// The files hold no path and no name of the place they are put in, so that they
// are right in a folder of any name. What the makes themselves cannot take in a
// name they refuse when they are run.
package plugin
