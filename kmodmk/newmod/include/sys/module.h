/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_MODULE_H
#define	NEWMOD_SYS_MODULE_H

#include <sys/kernel.h>

typedef struct module	*module_t;

/* Events that a module's handler is told. */
enum modeventtype { MOD_LOAD, MOD_UNLOAD, MOD_SHUTDOWN, MOD_QUIESCE };

/* Calls the handler with MOD_LOAD. */
void	module_register_init(const void *);

/* With its SYSINIT, and any release's kernel to depend on. */
#undef DECLARE_MODULE
#define	DECLARE_MODULE(name, data, subsystem, order)			\
	MODULE_DEPEND(name, kernel, 1200000, __FreeBSD_version, 1599999); \
	KMODPAD_METADATA(md_##name, MDT_MODULE, &data, #name);		\
	SYSINIT(name##module, subsystem, order, module_register_init, &data)

#endif
