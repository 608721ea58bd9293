/* SPDX-License-Identifier: BSD-2-Clause */
/* What <kmodpad/vnet.h> leaves out: which vnets there are, and their events. */
#ifndef NEWMOD_NET_VNET_H
#define	NEWMOD_NET_VNET_H

#include <sys/kernel.h>
#include <kmodpad/vnet.h>

/* The network stack that the thread works on, for a while. */
#define	CURVNET_SET(arg)						\
	struct vnet *saved_vnet = curvnet;				\
	curvnet = (arg)
#define	CURVNET_RESTORE()	curvnet = saved_vnet

/* All network stacks, under a lock. */
struct vnet	*kmodpad_next_vnet(struct vnet *);

#define	VNET_ITERATOR_DECL(arg)	struct vnet *arg
#define	VNET_FOREACH(arg)						\
	for ((arg) = kmodpad_next_vnet(NULL); (arg) != NULL;		\
	    (arg) = kmodpad_next_vnet(arg))
void	kmodpad_vnet_list_rlock(void);
void	kmodpad_vnet_list_runlock(void);
#define	VNET_LIST_RLOCK()		kmodpad_vnet_list_rlock()
#define	VNET_LIST_RUNLOCK()		kmodpad_vnet_list_runlock()

/*
 * A constructor is called in every vnet that there is and that comes to be, a
 * destructor in every one that goes, or when the module does.
 */
struct vnet_sysinit {
	enum sysinit_sub_id	 subsystem;
	enum sysinit_elem_order	 order;
	void			(*func)(const void *);
	const void		*arg;
	void			*link[2];
};

void	vnet_register_sysinit(void *);
void	vnet_register_sysuninit(void *);
void	vnet_deregister_sysinit(void *);
void	vnet_deregister_sysuninit(void *);

#define	KMODPAD_VNET_SYSINIT(kind, id, sub, ord, function, parameter)	\
	static struct vnet_sysinit id = {				\
		.subsystem = (sub), .order = (ord),			\
		.func = (void (*)(const void *))(void (*)(void *))(function), \
		.arg = (parameter),					\
	};								\
	SYSINIT(vnet_##id, sub, ord, vnet_register_##kind, &id);	\
	SYSUNINIT(vnet_##id, sub, ord, vnet_deregister_##kind, &id)
#define	VNET_SYSINIT(id, subsystem, order, function, arg)		\
	KMODPAD_VNET_SYSINIT(sysinit, id##_vnet_init, subsystem, order, function, arg)
#define	VNET_SYSUNINIT(id, subsystem, order, function, arg)		\
	KMODPAD_VNET_SYSINIT(sysuninit, id##_vnet_uninit, subsystem, order, function, arg)

/* Statistics: a structure of 64 bit fields, each of them a counter(9). */
#define	VNET_PCPUSTAT_DEFINE_STATIC(type, name)				\
	VNET_DEFINE_STATIC(counter_u64_t, name[sizeof(type) / sizeof(uint64_t)])
#define	VNET_PCPUSTAT_ADD(type, name, field, v)				\
	counter_u64_add(VNET(name)[__builtin_offsetof(type, field) / sizeof(uint64_t)], (v))
#define	VNET_PCPUSTAT_SYSINIT(name)					\
	static void							\
	vnet_##name##_init(void *unused __unused)			\
	{								\
		for (u_int i = 0; i < nitems(VNET(name)); i++)		\
			VNET(name)[i] = counter_u64_alloc(M_WAITOK);	\
	}								\
	VNET_SYSINIT(vnet_##name##_init, SI_SUB_INIT_IF, SI_ORDER_FIRST, \
	    vnet_##name##_init, NULL)
#define	VNET_PCPUSTAT_SYSUNINIT(name)					\
	static void							\
	vnet_##name##_uninit(void *unused __unused)			\
	{								\
		for (u_int i = 0; i < nitems(VNET(name)); i++)		\
			counter_u64_free(VNET(name)[i]);		\
	}								\
	VNET_SYSUNINIT(vnet_##name##_uninit, SI_SUB_INIT_IF, SI_ORDER_FIRST, \
	    vnet_##name##_uninit, NULL)
struct sysctl_oid;
int	kmodpad_handle_pcpustat(struct sysctl_oid *);
#define	SYSCTL_VNET_PCPUSTAT(parent, nbr, name, type, array, descr)	\
	KMODPAD_SYSCTL(parent, name, CTLFLAG_VNET | CTLTYPE_OPAQUE | CTLFLAG_RW, \
	    &VNET_NAME(array), kmodpad_handle_pcpustat, descr)

#endif
