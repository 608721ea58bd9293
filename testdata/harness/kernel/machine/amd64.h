/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * amd64: the running thread is what the base of %gs points to.
 */
#define	SYS_write		1
#define	SYS_mmap		9
#define	SYS_rt_sigaction	13
#define	SYS_arch_prctl		158
#define	SYS_exit_group		231
#define	SYS_openat		257

#define	ARCH_SET_GS		0x1001

/* Linux has no code of its own to return from a signal handler here. */
#define	SA_RESTORER	0x04000000
#define	RESTORER	sigreturn
void	sigreturn(void);

__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	xorl %ebp, %ebp\n"
"	movq %rsp, %rdi\n"
"	andq $-16, %rsp\n"
"	call boot\n"
"	hlt\n"
"	.globl sigreturn\n"
"sigreturn:\n"
"	movl $15, %eax\n"		/* rt_sigreturn */
"	syscall\n"
);

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a" (n)
	    : "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
	    : "rcx", "r11", "memory");
	return (n);
}

static void
set_thread(struct thread *td)
{

	syscall6(SYS_arch_prctl, ARCH_SET_GS, (uintptr_t)td, 0, 0, 0, 0);
}
