/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_SYSTM_H
#define	NEWMOD_SYS_SYSTM_H

#include <sys/param.h>

/* Errors, which the kernel's <sys/param.h> brings. */
#define	ENXIO		6
#define	EBUSY		16
#define	EOPNOTSUPP	45

#define	KASSERT(condition, message)	do { } while (0)

#define	atomic_add_int(p, v)		\
	((void)__atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define	atomic_subtract_int(p, v)	\
	((void)__atomic_fetch_sub((p), (v), __ATOMIC_RELAXED))

void	critical_enter(void);
void	critical_exit(void);

#endif
