/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has a set_vnet whose size is no multiple of four, as its last variable is one
 * byte. The padding's last word is then not aligned, and the kernel looks for
 * it at that odd address. There is a byte at either end because gcc lays
 * variables out last to first.
 *
 * i386: -O1 -march=i486
 */
#include <kmodpad/vnet.h>

VNET_DEFINE_STATIC(uint8_t, shut) = 2;
VNET_DEFINE_STATIC(uint32_t, count) = 3;
VNET_DEFINE_STATIC(uint8_t, open) = 1;
#define	V_shut	VNET(shut)
#define	V_count	VNET(count)
#define	V_open	VNET(open)

int	byte_last_run(void);

int
byte_last_run(void)
{

	V_count = 0x11110000;
	V_shut = 0x12;
	V_open = 0x13;
	return (3);
}
