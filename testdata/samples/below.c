/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows references below the set: an array that starts the section, with
 * entries counted from one. The compiler folds the "- 1" into the address, so
 * that it names the fields of an entry before the first. No padding after the
 * set helps.
 *
 * From the shape of tables indexed by rule, unit or protocol numbers that
 * start at one.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

struct entry {
	uint32_t	 f[8];
};

VNET_DEFINE_STATIC(struct entry, table[8]);
#define	V_table	VNET(table)

int	below_run(void);

static __noinline void
enter(unsigned int number, uint32_t value)
{

	V_table[number - 1].f[0] = value;
	V_table[number - 1].f[1] = value + 1;
	V_table[number - 1].f[2] = value + 2;
	V_table[number - 1].f[3] = value + 3;
	V_table[number - 1].f[4] = value + 4;
	V_table[number - 1].f[5] = value + 5;
	V_table[number - 1].f[6] = value + 6;
	V_table[number - 1].f[7] = value + 7;
}

int
below_run(void)
{
	unsigned int number;

	for (number = 1; number <= nitems(V_table); number++)
		enter(number, 0x11110000 + 8 * (number - 1));
	return (8 * nitems(V_table));
}
