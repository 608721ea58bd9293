/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aarch64: the running thread is x18, the platform's register, which the
 * compiler must be told to leave alone (-ffixed-x18).
 */
#define	SYS_openat		56
#define	SYS_write		64
#define	SYS_exit_group		94
#define	SYS_rt_sigaction	134
#define	SYS_mmap		222

__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	mov x29, xzr\n"
"	mov x0, sp\n"
"	bl boot\n"
);

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r" (x0)
	    : "r" (x8), "r" (x1), "r" (x2), "r" (x3), "r" (x4), "r" (x5)
	    : "memory");
	return (x0);
}

static void
set_thread(struct thread *td)
{

	__asm__ volatile("mov x18, %0" : : "r" (td));
}
