/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODPAD_STAMP_H
#define	KMODPAD_STAMP_H

#include <kmodpad/vnet.h>

static uintptr_t stamp_next;

/*
 * The values that a sample writes to an array: each call gives one more than
 * the last. That an element's value comes from a call and not from its index is
 * how carp's counters are made, and it matters: where the index is needed for
 * nothing else, compilers are free to count it from whatever suits them, and
 * where the value is an expression of the index they may count both as one (see
 * far.c).
 */
static __noinline uintptr_t
stamp(void)
{

	return (stamp_next++);
}

#endif
