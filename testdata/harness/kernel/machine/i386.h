/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * i386: the running thread is what %fs points to, and the segment that it
 * selects has to be made first. Arguments of system calls come in registers,
 * and the sixth in %ebp, which a function cannot name as an operand.
 */
#define	SYS_write		4
#define	SYS_rt_sigaction	174
#define	SYS_mmap		192	/* mmap2: offset in pages */
#define	SYS_set_thread_area	243
#define	SYS_exit_group		252
#define	SYS_openat		295

/* Linux has no code of its own to return from a signal handler here. */
#define	SA_RESTORER	0x04000000
#define	RESTORER	sigreturn
void	sigreturn(void);

__asm__(
"	.text\n"
"	.globl _start\n"
"_start:\n"
"	xorl %ebp, %ebp\n"
"	movl %esp, %eax\n"
"	andl $-16, %esp\n"
"	subl $12, %esp\n"
"	pushl %eax\n"
"	call boot\n"
"	hlt\n"
"	.globl sigreturn\n"
"sigreturn:\n"
"	movl $173, %eax\n"		/* rt_sigreturn */
"	int $0x80\n"
);

/* The arguments are next to one another on the stack. */
long	syscall_vector(const long *);
__asm__(
"	.globl syscall_vector\n"
"syscall_vector:\n"
"	pushl %ebx\n"
"	pushl %esi\n"
"	pushl %edi\n"
"	pushl %ebp\n"
"	movl 20(%esp), %ebp\n"
"	movl (%ebp), %eax\n"
"	movl 4(%ebp), %ebx\n"
"	movl 8(%ebp), %ecx\n"
"	movl 12(%ebp), %edx\n"
"	movl 16(%ebp), %esi\n"
"	movl 20(%ebp), %edi\n"
"	movl 24(%ebp), %ebp\n"
"	int $0x80\n"
"	popl %ebp\n"
"	popl %edi\n"
"	popl %esi\n"
"	popl %ebx\n"
"	ret\n"
);

static long
syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	const long vector[] = { n, a, b, c, d, e, f };

	return (syscall_vector(vector));
}

static void
set_thread(struct thread *td)
{
	/* entry (any), base, limit, and: 32 bits, in pages, usable */
	uint32_t user_desc[4] = { -1, (uintptr_t)td, 0xfffff, 0x51 };

	syscall6(SYS_set_thread_area, (uintptr_t)user_desc, 0, 0, 0, 0, 0);
	__asm__ volatile("movl %0, %%fs" : : "r" (user_desc[0] << 3 | 3));
}
