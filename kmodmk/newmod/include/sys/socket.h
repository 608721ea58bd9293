/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWMOD_SYS_SOCKET_H
#define	NEWMOD_SYS_SOCKET_H

#define	AF_VENDOR00	39	/* the first family that FreeBSD leaves to vendors */
#define	SOCK_DGRAM	2

#endif
