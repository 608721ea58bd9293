/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows another mirror image: a linker set of the module's own that ends where
 * set_vnet begins. The address of its end is rewritten as if it were that of
 * the first virtualised global, and the module's loop over it ends at once or
 * never.
 *
 * The set's members are writable, as those of a set of structures are; a set of
 * constant pointers stands among the read-only sections.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

struct method {
	uint32_t	 id;
	uint32_t	 calls;
};

#define	METHOD(name, id)	\
	static struct method name	\
	    __attribute__((__section__("set_methods"), __used__)) = { id, 0 }

extern struct method __start_set_methods[], __stop_set_methods[];
METHOD(first, 1);
METHOD(second, 2);

VNET_DEFINE_STATIC(uint32_t, level) = 5;
#define	V_level	VNET(level)

int	captured_set_run(void);

/* Members found, out of two. It gives up at ten. */
int
captured_set_run(void)
{
	struct method *m;
	int n;

	n = 0;
	for (m = __start_set_methods; m < __stop_set_methods && n < 10; m++)
		n++;
	V_level = 0x11110000;
	return (n);
}
