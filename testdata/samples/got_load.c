/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows what static_pcrel shows, made by the linker: the variables are not
 * static and the compiler loads their addresses from the GOT or the TOC, which
 * the kernel relocates. But once localised they are as good as static, and a
 * linker that may do so turns the load into arithmetic on the program counter
 * or the TOC pointer. On aarch64 --no-relax forbids it, on powerpc64
 * --no-toc-optimize; on i386 nothing forbids it to GNU ld.
 *
 * The addresses come from functions of their own, as ld.lld for aarch64 looks
 * for two instructions next to one another.
 *
 * i386: -O1 -march=i486 -fPIC
 */
#include <kmodpad/vnet.h>

VNET_DEFINE(uint32_t, level) = 5;
DPCPU_DEFINE(uint32_t, depth) = 6;

int	got_load_run(void);

/* The empty statement keeps compilers from seeing through the functions. */
static __noinline uintptr_t
level_key(void)
{
	uintptr_t key;

	key = (uintptr_t)&VNET_NAME(level);
	__asm__("" : "+r" (key));
	return (key);
}

static __noinline uintptr_t
depth_key(void)
{
	uintptr_t key;

	key = (uintptr_t)&DPCPU_NAME(depth);
	__asm__("" : "+r" (key));
	return (key);
}

int
got_load_run(void)
{

	*(uint32_t *)(curvnet->vnet_data_base + level_key()) = 0x11110000;
	*(uint32_t *)(curthread->td_pcpu->pc_dynamic + depth_key()) = 0x22220000;
	return (2);
}
