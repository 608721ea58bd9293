/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference so far from the set that no padding can reach it. The
 * values written grow with the index, so the compiler keeps one count for both,
 * starting from the first value, and makes up for it in the array's address:
 * &stats[-0x11110000].
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

VNET_DEFINE_STATIC(uintptr_t, stats[16]);
#define	V_stats	VNET(stats)

int	far_run(void);

int
far_run(void)
{
	unsigned int i;

	for (i = 0; i < nitems(V_stats); i++)
		V_stats[i] = 0x11110000 + i;
	return (nitems(V_stats));
}
