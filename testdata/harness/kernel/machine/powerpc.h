/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerpc, powerpc64 and powerpc64le: the running thread is r2, or r13 with 64
 * bits, which the ABIs set aside for it. There, in the newer ABI (ELFv2), r2 is
 * the TOC pointer, and nobody sets it for a program. A system call that fails
 * sets the summary overflow bit and returns the error as it is.
 */
#define	SYS_write		4
#define	SYS_mmap		90
#define	SYS_rt_sigaction	173
#define	SYS_exit_group		234
#define	SYS_openat		286

#ifdef __powerpc64__
__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	bcl 20, 31, 1f\n"
"1:	mflr 12\n"
"	addis 2, 12, (.TOC. - 1b)@ha\n"
"	addi 2, 2, (.TOC. - 1b)@l\n"
"	mr 3, 1\n"
"	clrrdi 1, 1, 4\n"
"	li 0, 0\n"
"	stdu 0, -32(1)\n"		/* the outermost frame */
"	bl boot\n"
"	nop\n"
);
#else
__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	mr 3, 1\n"
"	clrrwi 1, 1, 4\n"
"	li 0, 0\n"
"	stwu 0, -16(1)\n"		/* the outermost frame */
"	bl boot\n"
);
#endif

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = n;
	register long r3 __asm__("r3") = a;
	register long r4 __asm__("r4") = b;
	register long r5 __asm__("r5") = c;
	register long r6 __asm__("r6") = d;
	register long r7 __asm__("r7") = e;
	register long r8 __asm__("r8") = f;

	__asm__ volatile("sc\n\tbns+ 1f\n\tneg %1, %1\n1:"
	    : "+r" (r0), "+r" (r3), "+r" (r4), "+r" (r5), "+r" (r6), "+r" (r7),
	      "+r" (r8)
	    : : "r9", "r10", "r11", "r12", "ctr", "cr0", "memory");
	return (r3);
}

static void
set_thread(struct thread *td)
{

#ifdef __powerpc64__
	__asm__ volatile("mr 13, %0" : : "r" (td));
#else
	__asm__ volatile("mr 2, %0" : : "r" (td));
#endif
}
