/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference to the byte after set_pcpu: what vnet_end shows, in
 * per-CPU globals.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

DPCPU_DEFINE_STATIC(uintptr_t, hits[16]);

int	pcpu_end_run(void);

int
pcpu_end_run(void)
{
	unsigned int i;

	stamp_next = 0x22220000;
	for (i = 0; i < nitems(DPCPU_GET(hits)); i++)
		DPCPU_GET(hits)[i] = stamp();
	return (nitems(DPCPU_GET(hits)));
}
