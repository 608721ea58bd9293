/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_PROTOSW_H
#define	NEWMOD_SYS_PROTOSW_H

#include <sys/param.h>

struct domain;
struct socket;

#define	PR_ATOMIC	0x01	/* whole messages only */
#define	PR_ADDR		0x02	/* addresses come with messages */

/* As FreeBSD 14 and later have it. */
struct protosw {
	short		 pr_type;
	short		 pr_protocol;
	short		 pr_flags;
	struct domain	*pr_domain;
	int		(*pr_attach)(struct socket *, int, struct thread *);
	void		(*pr_detach)(struct socket *);
};

#endif
