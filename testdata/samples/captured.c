/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows the mirror image: references of .data and .bss that leave their
 * section by four bytes, land in the set that stands before it, and are
 * rewritten although they must not be. Both arrays are the first of their
 * section and have their entries counted from one.
 *
 * Which of the two follows the set depends on the linker and on whether stage 1
 * has a script, so there is one of each; where neither does, nothing is wrong.
 * They are small, as compilers align large arrays, and a gap would protect them.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

VNET_DEFINE_STATIC(uint32_t, level) = 5;
#define	V_level	VNET(level)

static uint32_t limit[3] = { 1, 2, 3 };
static uint32_t used[3];

int	captured_run(void);

static __noinline void
set_limit(unsigned int number, uint32_t value)
{

	limit[number - 1] = value;
}

static __noinline void
set_used(unsigned int number, uint32_t value)
{

	used[number - 1] = value;
}

static __noinline int
right(volatile uint32_t *entry, uint32_t value)
{

	return (*entry == value);
}

/* Entries that got their value, out of six. */
int
captured_run(void)
{
	unsigned int i, n;

	for (i = 0; i < nitems(limit); i++) {
		set_limit(i + 1, 0x33330000 + i);
		set_used(i + 1, 0x44440000 + i);
	}
	V_level = 0x11110000;
	n = 0;
	for (i = 0; i < nitems(limit); i++) {
		n += right(limit + i, 0x33330000 + i);
		n += right(used + i, 0x44440000 + i);
	}
	return (n);
}
