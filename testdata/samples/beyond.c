/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows references further out than the byte after the set: to fields of the
 * structure that would follow the last one of an array of structures.
 *
 * From the shape of a table of records that is filled from first to last. The
 * compiler counts as in vnet_end and folds each field's offset into the address
 * of the array's end. Four bytes of padding cover none of them.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/stamp.h>

struct record {
	uint32_t	 link;		/* left alone, as are spare's words */
	uint32_t	 id;
	uint32_t	 state;
	uint32_t	 spare[3];
	uint32_t	 packets;
	uint32_t	 bytes;
};

VNET_DEFINE_STATIC(struct record, table[8]);
#define	V_table	VNET(table)

int	beyond_run(void);

int
beyond_run(void)
{
	unsigned int i;

	stamp_next = 0x11110000;
	for (i = 0; i < nitems(V_table); i++) {
		V_table[i].id = stamp();
		V_table[i].state = stamp();
		V_table[i].packets = stamp();
		V_table[i].bytes = stamp();
	}
	return (4 * nitems(V_table));
}
