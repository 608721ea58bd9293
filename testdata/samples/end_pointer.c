/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference to the byte after set_vnet with every compiler, at every
 * level of optimisation, and on other machines too: the source itself asks for
 * the array's end.
 *
 * From the shape of the loop that walks a table with a pointer. Its writes go to
 * the right place, but it compares with an end in the wrong one, and so stops
 * at once or not at all.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

VNET_DEFINE_STATIC(uintptr_t, stats[16]);
#define	V_stats	VNET(stats)

int	end_pointer_run(void);

static __noinline uintptr_t *
stats_end(void)
{

	return (&V_stats[nitems(V_stats)]);
}

/* Elements written, out of sixteen. It gives up at 24. */
int
end_pointer_run(void)
{
	uintptr_t *p;
	int n;

	stamp_next = 0x11110000;
	n = 0;
	for (p = V_stats; p < stats_end() && n < 24; p++) {
		*p = stamp();
		n++;
	}
	return (n);
}
