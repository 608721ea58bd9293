/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows what captured shows, beside set_pcpu.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

DPCPU_DEFINE_STATIC(uint32_t, depth) = 5;

static uint32_t limit[3] = { 1, 2, 3 };
static uint32_t used[3];

int	captured_pcpu_run(void);

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
captured_pcpu_run(void)
{
	unsigned int i, n;

	for (i = 0; i < nitems(limit); i++) {
		set_limit(i + 1, 0x33330000 + i);
		set_used(i + 1, 0x44440000 + i);
	}
	DPCPU_SET(depth, 0x22220000);
	n = 0;
	for (i = 0; i < nitems(limit); i++) {
		n += right(limit + i, 0x33330000 + i);
		n += right(used + i, 0x44440000 + i);
	}
	return (n);
}
