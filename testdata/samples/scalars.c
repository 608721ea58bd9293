/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has both sets and nothing but scalars in them: every reference is to a
 * variable's first byte, and the module is right without any padding. Kernels
 * that look for the padding refuse it all the same.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

VNET_DEFINE_STATIC(uint32_t, limit) = 7;
VNET_DEFINE_STATIC(uint32_t, level);
DPCPU_DEFINE_STATIC(uint32_t, depth);
#define	V_limit	VNET(limit)
#define	V_level	VNET(level)

int	scalars_run(void);

int
scalars_run(void)
{

	V_level = 0x11110000 + V_limit;
	V_limit = 0x11111111;
	DPCPU_SET(depth, 0x22220000);
	return (3);
}
