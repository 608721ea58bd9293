/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_SYSCTL_H
#define	NEWMOD_SYS_SYSCTL_H

#include <kmodpad/module.h>

struct sysctl_oid {
	struct sysctl_oid	*oid_parent;
	const char		*oid_name;
	u_int			 oid_kind;
	void			*oid_arg1;
	int			(*oid_handler)(struct sysctl_oid *);
	const char		*oid_descr;
};

#define	OID_AUTO	(-1)
#define	CTLTYPE_NODE	0x1
#define	CTLTYPE_INT	0x2
#define	CTLTYPE_OPAQUE	0x5
#define	CTLTYPE_UINT	0x6
#define	CTLFLAG_VNET	0x00002000	/* arg1 is a virtualised variable */
#define	CTLFLAG_MPSAFE	0x00040000
#define	CTLFLAG_WR	0x40000000
#define	CTLFLAG_RD	0x80000000
#define	CTLFLAG_RW	(CTLFLAG_RD | CTLFLAG_WR)

extern struct sysctl_oid	sysctl___net;

int	sysctl_handle_int(struct sysctl_oid *);

#define	KMODPAD_SYSCTL(parent, name, kind, arg, handler, descr)		\
	static struct sysctl_oid sysctl__##parent##_##name = {		\
		&sysctl__##parent, #name, (kind), (arg), (handler), (descr) }; \
	DATA_SET(sysctl_set, sysctl__##parent##_##name)
#define	SYSCTL_NODE(parent, nbr, name, access, handler, descr)		\
	KMODPAD_SYSCTL(parent, name, CTLTYPE_NODE | (access), NULL, handler, descr)
#define	SYSCTL_INT(parent, nbr, name, access, ptr, val, descr)		\
	KMODPAD_SYSCTL(parent, name, CTLTYPE_INT | (access), ptr, sysctl_handle_int, descr)
#define	SYSCTL_UINT(parent, nbr, name, access, ptr, val, descr)		\
	KMODPAD_SYSCTL(parent, name, CTLTYPE_UINT | (access), ptr, sysctl_handle_int, descr)

#endif
