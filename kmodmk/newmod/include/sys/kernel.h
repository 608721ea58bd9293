/* SPDX-License-Identifier: BSD-2-Clause */
/* SYSINIT and SYSUNINIT: functions to call when a module comes and goes. */
#ifndef NEWMOD_SYS_KERNEL_H
#define	NEWMOD_SYS_KERNEL_H

#include <sys/param.h>
#include <kmodpad/module.h>

/* Some of the subsystems, and the orders within each. */
enum sysinit_sub_id {
	SI_SUB_DUMMY			= 0x0000000,
	SI_SUB_VNET			= 0x21e0000,
	SI_SUB_INIT_IF			= 0x3000000,
	SI_SUB_DRIVERS			= 0x3100000,
	SI_SUB_PSEUDO			= 0x7000000,
	SI_SUB_PROTO_BEGIN		= 0x8000000,
	SI_SUB_PROTO_IF			= 0x8400000,
	SI_SUB_PROTO_DOMAIN		= 0x8800000,
	SI_SUB_PROTO_IFATTACHDOMAIN	= 0x8808000,
	SI_SUB_PROTO_END		= 0x8ffffff,
	SI_SUB_VNET_DONE		= 0xdc00000
};

enum sysinit_elem_order {
	SI_ORDER_FIRST			= 0,
	SI_ORDER_SECOND			= 1,
	SI_ORDER_THIRD			= 2,
	SI_ORDER_MIDDLE			= 0x1000000,
	SI_ORDER_ANY			= 0xfffffff
};

/* Structures of this kind got a list entry on the way to FreeBSD 14. */
struct sysinit {
	enum sysinit_sub_id	 subsystem;
	enum sysinit_elem_order	 order;
#if __FreeBSD_version >= 1400000
	struct sysinit		*next;
#endif
	void			(*func)(const void *);
	const void		*udata;
};

#define	KMODPAD_SYSINIT(set, id, sub, ord, function, arg)		\
	static struct sysinit id = {					\
		.subsystem = (sub), .order = (ord),			\
		.func = (void (*)(const void *))(void (*)(void *))(function), \
		.udata = (const void *)(arg),				\
	};								\
	DATA_SET(set, id)
#define	SYSINIT(id, subsystem, order, function, arg)			\
	KMODPAD_SYSINIT(sysinit_set, id##_sys_init, subsystem, order, function, arg)
#define	SYSUNINIT(id, subsystem, order, function, arg)			\
	KMODPAD_SYSINIT(sysuninit_set, id##_sys_uninit, subsystem, order, function, arg)

#endif
