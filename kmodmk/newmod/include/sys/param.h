/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small stand-in for FreeBSD's <sys/param.h>, as are all headers of this
 * folder for theirs: names and meanings are those of the kernel's headers,
 * structures are not. What is compiled with them can be linked and verified,
 * but only a module compiled with a kernel's own headers works in that kernel.
 */
#ifndef NEWMOD_SYS_PARAM_H
#define	NEWMOD_SYS_PARAM_H

#include <kmodpad/vnet.h>

/* The release whose interfaces these headers have. */
#ifndef __FreeBSD_version
#define	__FreeBSD_version	1400097
#endif

#define	__aligned(n)	__attribute__((__aligned__(n)))
#define	__unused	__attribute__((__unused__))

typedef unsigned int	u_int;
typedef unsigned long	u_long;
typedef __UINT64_TYPE__	uint64_t;
typedef __SIZE_TYPE__	size_t;

#endif
