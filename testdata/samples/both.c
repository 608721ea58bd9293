/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference to the byte after set_vnet and one to the byte after
 * set_pcpu in one module. Where one set follows the other, the end of the first
 * is the beginning of the second, so that one of the two is not left alone but
 * rewritten to the wrong area.
 *
 * From the shape of ipsec(4) and of modules that keep a per-CPU cache beside
 * each network stack's table.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

VNET_DEFINE_STATIC(uintptr_t, stats[16]);
DPCPU_DEFINE_STATIC(uintptr_t, cache[16]);
#define	V_stats	VNET(stats)

int	both_run(void);

int
both_run(void)
{
	unsigned int i;

	stamp_next = 0x11110000;
	for (i = 0; i < nitems(V_stats); i++)
		V_stats[i] = stamp();
	stamp_next = 0x22220000;
	for (i = 0; i < nitems(DPCPU_GET(cache)); i++)
		DPCPU_GET(cache)[i] = stamp();
	return (nitems(V_stats) + nitems(DPCPU_GET(cache)));
}
