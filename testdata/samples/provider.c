/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defines virtualised and per-CPU globals for another module, consumer, and
 * says its version.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/module.h>
#include <kmodpad/vnet.h>

VNET_DEFINE(uintptr_t, provider_table[7]);
VNET_DEFINE(uint32_t, provider_level) = 5;
DPCPU_DEFINE(uint32_t, provider_depth) = 6;

static moduledata_t provider_mod = { "provider", NULL, NULL };
DECLARE_MODULE(provider, provider_mod);
MODULE_VERSION(provider, 2);

int	provider_run(void);

int
provider_run(void)
{

	VNET(provider_level) = 0x11110000;
	DPCPU_SET(provider_depth, 0x22220000);
	return (2);
}
