/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * riscv64: the running thread is tp.
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
"	mv s0, zero\n"
"	mv a0, sp\n"
"	andi sp, sp, -16\n"
"	call boot\n"
);

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = n;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall" : "+r" (a0)
	    : "r" (a7), "r" (a1), "r" (a2), "r" (a3), "r" (a4), "r" (a5)
	    : "memory");
	return (a0);
}

static void
set_thread(struct thread *td)
{

	__asm__ volatile("mv tp, %0" : : "r" (td));
}
