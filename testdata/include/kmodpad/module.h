/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module says about itself, in the form that FreeBSD's <sys/module.h>
 * and <sys/linker_set.h> give it: records in the module's data, and pointers to
 * them in the linker set modmetadata_set, where the kernel linker and the boot
 * loader look for them.
 */
#ifndef KMODPAD_MODULE_H
#define	KMODPAD_MODULE_H

/* The types of record, and the layout that all of them have. */
#define	MDT_DEPEND	1	/* needs another module: md_data is a mod_depend */
#define	MDT_MODULE	2	/* is a module: md_data is a moduledata */
#define	MDT_VERSION	3	/* has a version: md_data is a mod_version */

struct mod_metadata {
	int		 md_version;	/* of this layout: 1 */
	int		 md_type;	/* MDT_... */
	const void	*md_data;
	const char	*md_cval;	/* name of the module it is about */
};

struct mod_depend {
	int		 md_ver_minimum;
	int		 md_ver_preferred;
	int		 md_ver_maximum;
};

struct mod_version {
	int		 mv_version;
};

struct module;

typedef struct moduledata {
	const char	*name;
	int		(*evhand)(struct module *, int, void *);
	void		*priv;
} moduledata_t;

/*
 * A linker set is the section set_NAME, an array of pointers. Its bounds are
 * made global symbols in whatever file has a member, as those of set_vnet are.
 */
#define	DATA_SET(set, sym)						\
	__asm__(".globl __start_set_" #set "\n.globl __stop_set_" #set); \
	static const void *const __set_##set##_sym_##sym			\
	    __attribute__((__section__("set_" #set), __used__)) = &sym
#define	SET_DECLARE(set, type)						\
	extern type *__start_set_##set[], *__stop_set_##set[]
#define	SET_FOREACH(p, set)						\
	for ((p) = __start_set_##set; (p) < __stop_set_##set; (p)++)

#define	KMODPAD_METADATA(id, type, data, cval)				\
	static struct mod_metadata _mod_metadata_##id = { 1, type, data, cval }; \
	DATA_SET(modmetadata_set, _mod_metadata_##id)

/* Its event handler would be called by a real kernel and is by nothing here. */
#define	DECLARE_MODULE(name, data)					\
	KMODPAD_METADATA(md_##name, MDT_MODULE, &data, #name)

#define	MODULE_VERSION(name, version)					\
	static struct mod_version _##name##_version = { version };	\
	KMODPAD_METADATA(_##name##_version, MDT_VERSION, &_##name##_version, #name)

#define	MODULE_DEPEND(name, other, minimum, preferred, maximum)		\
	static struct mod_depend _##name##_depend_on_##other =		\
	    { minimum, preferred, maximum };				\
	KMODPAD_METADATA(_md_##name##_on_##other, MDT_DEPEND,		\
	    &_##name##_depend_on_##other, #other)

#endif
