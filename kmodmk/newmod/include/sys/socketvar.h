/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_SOCKETVAR_H
#define	NEWMOD_SYS_SOCKETVAR_H

#include <sys/param.h>

struct socket {
	struct vnet	*so_vnet;	/* network stack it belongs to */
};

int	soreserve(struct socket *, u_long, u_long);

#endif
