/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a reference to the byte after set_vnet on every machine, with every
 * compiler and every flag: it stands in initialised data, so there is no code
 * that it could be hidden in.
 *
 * From the shape of the descriptors that carry a virtualised variable's address
 * to code that knows nothing of it, as those of sysctl(9) do. The loop goes
 * from the end to the beginning, so that every write goes astray with the end.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

VNET_DEFINE_STATIC(uintptr_t, stats[16]);

/* volatile, as compilers would else take the address into their code. */
static volatile uintptr_t stats_end =
    (uintptr_t)&VNET_NAME(stats)[nitems(VNET_NAME(stats))];

int	end_data_run(void);

int
end_data_run(void)
{
	uintptr_t *p;
	unsigned int i;

	p = (uintptr_t *)(curvnet->vnet_data_base + stats_end);
	for (i = nitems(VNET_NAME(stats)); i > 0; i--)
		*--p = 0x11110000 + i - 1;
	return (nitems(VNET_NAME(stats)));
}
