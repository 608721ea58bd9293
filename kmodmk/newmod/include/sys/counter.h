/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that every CPU has one of. */
#ifndef NEWMOD_SYS_COUNTER_H
#define	NEWMOD_SYS_COUNTER_H

#include <sys/param.h>

typedef uint64_t	*counter_u64_t;

counter_u64_t	counter_u64_alloc(int);
void		counter_u64_free(counter_u64_t);
void		counter_u64_add(counter_u64_t, uint64_t);

#endif
