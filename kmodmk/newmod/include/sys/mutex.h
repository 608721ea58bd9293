/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_MUTEX_H
#define	NEWMOD_SYS_MUTEX_H

#include <sys/lock.h>

struct mtx {
	volatile uintptr_t	 mtx_lock;
};

#define	MTX_DEF	0

void	mtx_init(struct mtx *, const char *, const char *, int);
void	mtx_destroy(struct mtx *);
void	mtx_lock(struct mtx *);
void	mtx_unlock(struct mtx *);

#endif
