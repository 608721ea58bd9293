/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtualised and per-CPU globals for the sample modules, with the meaning
 * that FreeBSD's <net/vnet.h> and <sys/pcpu.h> give them and nothing else of
 * a kernel.
 *
 * A virtualised global is an ordinary variable in section set_vnet, and its
 * address is only a key: the kernel linker rewrites every reference to it so
 * that, added to vnet_data_base of some vnet, it gives the variable's place in
 * that vnet. A per-CPU global is the same with set_pcpu and pc_dynamic.
 *
 * What plays the kernel and calls into a sample makes one struct vnet for each
 * network stack, one struct pcpu for each CPU and a struct thread that points
 * to one of each, and then sets one register as the table at curthread() says.
 * All fields are as wide as a pointer and stand at offset 0, 1 or 2 times that
 * width.
 */
#ifndef KMODPAD_VNET_H
#define	KMODPAD_VNET_H

typedef __UINTPTR_TYPE__ uintptr_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT8_TYPE__ uint8_t;

#define	NULL		((void *)0)
#define	nitems(a)	(sizeof(a) / sizeof((a)[0]))
#define	__noinline	__attribute__((__noinline__))

struct vnet {
	uintptr_t	 vnet_data_base;	/* added to a rewritten address */
};

struct pcpu {
	uintptr_t	 pc_dynamic;		/* the same for per-CPU globals */
};

struct thread {
	struct thread	*td_self;		/* its own address, for %fs:0 and %gs:0 */
	struct vnet	*td_vnet;		/* network stack it works on */
	struct pcpu	*td_pcpu;		/* CPU it runs on */
};

/*
 * The running thread. The kernel reads it as here: by an assembler statement
 * whose result never changes, so that compilers move it, and all arithmetic
 * with it, out of loops. What they make of an array's address then depends on
 * it; an ordinary function in its place hides most of what the samples show.
 *
 *	i386		base of segment %fs	(td_self is the word at 0)
 *	amd64		base of segment %gs	(the same)
 *	aarch64		x18
 *	armv7		TPIDRURO, the user's read-only thread register
 *	powerpc		r2
 *	powerpc64(le)	r13
 *	riscv64		tp
 *
 * In user mode, too, all of these can be set and are nobody else's as long as
 * a program has no thread-local storage.
 */
__attribute__((__const__, __always_inline__)) static inline struct thread *
kmodpad_curthread(void)
{
	struct thread *td;

#if defined(__i386__)
	__asm__("movl %%fs:0, %0" : "=r" (td));
#elif defined(__x86_64__)
	__asm__("movq %%gs:0, %0" : "=r" (td));
#elif defined(__aarch64__)
	__asm__("mov %0, x18" : "=r" (td));
#elif defined(__arm__)
	__asm__("mrc p15, 0, %0, c13, c0, 3" : "=r" (td));
#elif defined(__powerpc64__)
	__asm__("mr %0, 13" : "=r" (td));
#elif defined(__powerpc__)
	__asm__("mr %0, 2" : "=r" (td));
#elif defined(__riscv)
	__asm__("mv %0, tp" : "=r" (td));
#else
#error "how does this machine find the running thread?"
#endif
	return (td);
}

#define	curthread	kmodpad_curthread()
#define	curvnet		(curthread->td_vnet)

/*
 * The bounds of a set, which the linker defines. The directive makes them
 * appear in the symbol table where the kernel linker looks for them, even when
 * nothing refers to them, as undefined ones in a module without the set.
 */
__asm__(".globl __start_set_vnet\n.globl __stop_set_vnet");
__asm__(".globl __start_set_pcpu\n.globl __stop_set_pcpu");

#define	KMODPAD_IN_SET(s)	__attribute__((__section__(s), __used__))

/*
 * Compilers address a static variable relative to the program counter on some
 * machines, which leaves nothing for the kernel linker to rewrite. There, in
 * modules, static is left out, exactly where the kernel leaves it out.
 */
#if defined(__aarch64__) || defined(__riscv) || defined(__powerpc64__)
#define	KMODPAD_STATIC
#else
#define	KMODPAD_STATIC	static
#endif

/* Virtualised globals. V_x is by custom a macro for VNET(x). */
#define	VNET_NAME(n)			vnet_entry_##n
#define	VNET_DECLARE(t, n)		extern t VNET_NAME(n)
#define	VNET_DEFINE(t, n)		t VNET_NAME(n) KMODPAD_IN_SET("set_vnet")
#define	VNET_DEFINE_STATIC(t, n)	\
	KMODPAD_STATIC t VNET_NAME(n) KMODPAD_IN_SET("set_vnet")

#define	KMODPAD_PTR(b, v)		((__typeof__(v) *)((b) + (uintptr_t)&(v)))
#define	VNET_VNET_PTR(vnet, n)		KMODPAD_PTR((vnet)->vnet_data_base, VNET_NAME(n))
#define	VNET_PTR(n)			VNET_VNET_PTR(curvnet, n)
#define	VNET(n)				(*VNET_PTR(n))

/* Per-CPU globals. */
#define	DPCPU_NAME(n)			pcpu_entry_##n
#define	DPCPU_DECLARE(t, n)		extern t DPCPU_NAME(n)
#define	DPCPU_DEFINE(t, n)		t DPCPU_NAME(n) KMODPAD_IN_SET("set_pcpu")
#define	DPCPU_DEFINE_STATIC(t, n)	\
	KMODPAD_STATIC t DPCPU_NAME(n) KMODPAD_IN_SET("set_pcpu")

#define	DPCPU_PTR(n)			\
	KMODPAD_PTR(curthread->td_pcpu->pc_dynamic, DPCPU_NAME(n))
#define	DPCPU_GET(n)			(*DPCPU_PTR(n))
#define	DPCPU_SET(n, v)			(*DPCPU_PTR(n) = (v))

#endif
