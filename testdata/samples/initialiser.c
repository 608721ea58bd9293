/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows a relocation whose place is inside a set: a virtualised pointer with an
 * initialiser. The kernel copies the set to the instances' template before it
 * relocates the module and never again, so that in every instance the pointer
 * keeps its value of link time.
 *
 * From the shape of ipfw_nat64 in FreeBSD 12.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

struct config {
	uint32_t	 limit;
};

static struct config defaults = { 7 };

VNET_DEFINE_STATIC(struct config *, config) = &defaults;
#define	V_config	VNET(config)

int	initialiser_run(void);

/* One if the instance's pointer has its value, or else zero. */
int
initialiser_run(void)
{

	return (V_config == &defaults);
}
