/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_MALLOC_H
#define	NEWMOD_SYS_MALLOC_H

#define	M_NOWAIT	0x0001
#define	M_WAITOK	0x0002

#endif
