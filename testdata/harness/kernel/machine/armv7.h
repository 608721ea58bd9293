/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * armv7: the running thread is TPIDRURO, which a user may only read; the kernel
 * writes it for him.
 */
#define	SYS_write		4
#define	SYS_rt_sigaction	174
#define	SYS_mmap		192	/* mmap2: offset in pages */
#define	SYS_exit_group		248
#define	SYS_openat		322
#define	SYS_set_tls		0xf0005

__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	mov fp, #0\n"
"	mov r0, sp\n"
"	bic sp, sp, #7\n"
"	bl boot\n"
);

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r7 __asm__("r7") = n;
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;

	__asm__ volatile("svc #0" : "+r" (r0)
	    : "r" (r7), "r" (r1), "r" (r2), "r" (r3), "r" (r4), "r" (r5)
	    : "memory");
	return (r0);
}

static void
set_thread(struct thread *td)
{

	syscall6(SYS_set_tls, (uintptr_t)td, 0, 0, 0, 0, 0);
}
