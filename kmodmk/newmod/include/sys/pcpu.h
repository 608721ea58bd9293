/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU globals: <kmodpad/vnet.h> has them. */
#ifndef NEWMOD_SYS_PCPU_H
#define	NEWMOD_SYS_PCPU_H

#include <sys/param.h>

#endif
