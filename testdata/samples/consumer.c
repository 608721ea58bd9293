/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses the virtualised and per-CPU globals of another module, provider, and
 * says that it needs it. It has no set of its own.
 *
 * Its reference to the end of provider's array is right without padding: it
 * goes by a symbol, the kernel linker rewrites the symbol's address, and adds
 * the array's size afterwards.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/module.h>
#include <kmodpad/stamp.h>

VNET_DECLARE(uintptr_t, provider_table[7]);
VNET_DECLARE(uint32_t, provider_level);
DPCPU_DECLARE(uint32_t, provider_depth);

static moduledata_t consumer_mod = { "consumer", NULL, NULL };
DECLARE_MODULE(consumer, consumer_mod);
MODULE_VERSION(consumer, 1);
MODULE_DEPEND(consumer, provider, 1, 2, 3);

int	consumer_run(void);

int
consumer_run(void)
{
	unsigned int i;

	stamp_next = 0x11110000;
	for (i = 0; i < nitems(VNET(provider_table)); i++)
		VNET(provider_table)[i] = stamp();
	VNET(provider_level) = 0x11111111;
	DPCPU_SET(provider_depth, 0x22221111);
	return (nitems(VNET(provider_table)) + 2);
}
