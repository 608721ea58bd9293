/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has neither set, although the header makes it name the bounds of both: the
 * commonest module of all. There is nothing to pad, the bounds stay undefined,
 * and a reference to the byte after .data is nobody's business.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

static uintptr_t table[16] = { 1 };

int	neither_run(void);
uintptr_t neither_entry(unsigned int);

int
neither_run(void)
{
	unsigned int i;

	stamp_next = 0x33330000;
	for (i = 0; i < nitems(table); i++)
		table[i] = stamp();
	return (nitems(table));
}

uintptr_t
neither_entry(unsigned int i)
{

	return (i < nitems(table) ? table[i] : 0);
}
