/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_LOCK_H
#define	NEWMOD_SYS_LOCK_H

#include <sys/param.h>

#endif
