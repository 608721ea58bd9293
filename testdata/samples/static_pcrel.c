/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows references that reach a set without any relocation for the kernel: the
 * variables are static even where VNET_DEFINE_STATIC would not make them so,
 * and the compiler addresses them relative to the program counter (aarch64,
 * riscv64), to the TOC (powerpc64) or, position-independent on i386, to the
 * GOT. The module then uses the template in place of the instance.
 *
 * i386: -O1 -march=i486 -fPIC
 */
#include <kmodpad/vnet.h>

static uint32_t vnet_entry_level KMODPAD_IN_SET("set_vnet") = 5;
static uint32_t pcpu_entry_depth KMODPAD_IN_SET("set_pcpu") = 6;

int	static_pcrel_run(void);

int
static_pcrel_run(void)
{

	VNET(level) = 0x11110000;
	DPCPU_SET(depth, 0x22220000);
	return (2);
}
