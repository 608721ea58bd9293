/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_DOMAIN_H
#define	NEWMOD_SYS_DOMAIN_H

#include <sys/kernel.h>

struct protosw;

#define	DOMF_UNLOADABLE	0x0004

/* As FreeBSD 14 and later have it. */
struct domain {
	struct domain	*dom_next;
	int		 dom_family;
	u_int		 dom_nprotosw;
	const char	*dom_name;
	int		 dom_flags;
	struct protosw	*dom_protosw[];
};

void	domain_add(struct domain *);
void	domain_remove(struct domain *);

#define	DOMAIN_SET(name)						\
	SYSINIT(domain_add_##name, SI_SUB_PROTO_DOMAIN, SI_ORDER_FIRST,	\
	    domain_add, &name##domain);					\
	SYSUNINIT(domain_remove_##name, SI_SUB_PROTO_DOMAIN, SI_ORDER_FIRST, \
	    domain_remove, &name##domain)

#endif
