/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference to the byte after set_vnet: the bug of PR 230857.
 *
 * From the shape of carp(4), whose statistics are an array of counter pointers
 * that ends the section and is filled, one after the other, when a network
 * stack starts. The compiler counts the index from -16 to 0 and adds it to the
 * address of the array's end.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

VNET_DEFINE_STATIC(uintptr_t, stats[16]);
#define	V_stats	VNET(stats)

int	vnet_end_run(void);
int	vnet_end_clear(void);

int
vnet_end_run(void)
{
	unsigned int i;

	stamp_next = 0x11110000;
	for (i = 0; i < nitems(V_stats); i++)
		V_stats[i] = stamp();
	return (nitems(V_stats));
}

int
vnet_end_clear(void)
{
	unsigned int i;

	for (i = 0; i < nitems(V_stats); i++)
		V_stats[i] = 0;
	return (nitems(V_stats));
}
