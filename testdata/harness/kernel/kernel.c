/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel in user space: as much of one as a sample module can tell from the
 * real thing. It has two network stacks and two CPUs, whose virtualised and
 * per-CPU globals it keeps as FreeBSD does (sys/net/vnet.c and
 * sys/kern/subr_pcpu.c), maps modules that were relocated elsewhere, calls into
 * them, and says which words of memory they have changed.
 *
 * It is told what to do, in this order, by its arguments. Numbers are
 * hexadecimal.
 *
 *	module NAME ADDRESS SIZE FILE	map a module
 *	put ADDRESS SIZE FILE		copy a set to its place in modspace
 *	vnet ADDRESS SIZE FILE		copy a set that is there to every vnet
 *	pcpu ADDRESS SIZE FILE		copy a set that is there to every CPU
 *	call VNET CPU ADDRESS		call int f(void)
 *
 * It says, a line each:
 *
 *	area NAME ADDRESS SIZE	memory that is watched
 *	base NAME VALUE		vnet_data_base or pc_dynamic of an instance
 *	fault ADDRESS		an address where nothing is
 *	return VALUE		what a call returned
 *	stop SIGNAL		nothing more can be called
 *	write NAME ADDRESS VALUE	a changed word of 32 bits, in an area
 *	end			nothing is missing
 *
 * A real kernel panics at a fault. This one notes the address, puts a page of
 * zeroes there, an area called wild, and goes on, so that every stray write is
 * seen, and not the first alone.
 */
#include <kmodpad/vnet.h>

#if defined(__i386__)
#include "machine/i386.h"
#elif defined(__x86_64__)
#include "machine/amd64.h"
#elif defined(__aarch64__)
#include "machine/aarch64.h"
#elif defined(__arm__)
#include "machine/armv7.h"
#elif defined(__powerpc__)
#include "machine/powerpc.h"
#elif defined(__riscv)
#include "machine/riscv64.h"
#endif

/* What Linux has in common on all of these machines. */
#define	AT_FDCWD	(-100)
#define	PROT_RWX	7
#define	MAP_PRIVATE	0x02
#define	MAP_ANONYMOUS	0x20
#define	SIGILL		4
#define	SIGBUS		7
#define	SIGSEGV		11
#define	SA_SIGINFO	4

#define	PAGE		4096UL
#define	roundup(n)	(((n) + PAGE - 1) & ~(PAGE - 1))

/*
 * The instances are far from the program and from each other, so that whatever
 * misses one hits nothing else.
 */
#define	INSTANCES	0x60000000UL
#define	APART		0x01000000UL

/* Sizes of modspace: VNET_MODMIN and DPCPU_MODMIN. */
#define	VNET_MODMIN	(8 * PAGE)
#define	DPCPU_MODMIN	2048

/*
 * The kernel's own sets. Variables of its own on both sides of modspace, from
 * which modules' sets get their places, keep its address from being that of the
 * set's start, as in the real one.
 */
#define	WORDS(bytes)	((bytes) / sizeof(uintptr_t))
VNET_DEFINE(uintptr_t, loif[3]) = { 1, 2, 3 };
VNET_DEFINE(uintptr_t, modspace[WORDS(VNET_MODMIN)]);
VNET_DEFINE(uintptr_t, ifnet[3]) = { 4, 5, 6 };
DPCPU_DEFINE(uintptr_t, idle[5]) = { 1, 2, 3, 4, 5 };
DPCPU_DEFINE(uintptr_t, modspace[WORDS(DPCPU_MODMIN)]);
DPCPU_DEFINE(uintptr_t, nws[3]) = { 6, 7, 8 };

extern char __start_set_vnet[], __stop_set_vnet[];
extern char __start_set_pcpu[], __stop_set_pcpu[];

static struct vnet vnets[2];
static struct pcpu cpus[2];
static struct thread thread0;

/* Memory that is watched, and what was there before. */
static struct area {
	const char	*name;
	char		*start;
	uintptr_t	 size;
	const char	*before;
} areas[32];
static unsigned int nareas;

static const char zeroes[PAGE];

/* The compiler may ask for these by itself. */
void *
memcpy(void *to, const void *from, __SIZE_TYPE__ n)
{
	volatile char *t = to;
	const char *f = from;

	while (n-- > 0)
		*t++ = *f++;
	return (to);
}

void *
memset(void *to, int c, __SIZE_TYPE__ n)
{
	volatile char *t = to;

	while (n-- > 0)
		*t++ = c;
	return (to);
}

#if defined(__arm__)
/*
 * Every module names the routine that unwinds its stack, and FreeBSD's kernel
 * has it.
 */
void	__aeabi_unwind_cpp_pr0(void);
void	__aeabi_unwind_cpp_pr1(void);
void __aeabi_unwind_cpp_pr0(void) { }
void __aeabi_unwind_cpp_pr1(void) { }
#endif

static char out[4096];
static unsigned int nout;

static void
flush(void)
{

	syscall6(SYS_write, 1, (uintptr_t)out, nout, 0, 0, 0);
	nout = 0;
}

static void
putch(char c)
{

	if (nout == sizeof(out))
		flush();
	out[nout++] = c;
}

static void
word(const char *s)
{

	while (*s != '\0')
		putch(*s++);
}

static void
number(uintptr_t v)
{
	int shift;

	word(" 0x");
	for (shift = 8 * sizeof(v) - 4; shift > 0 && v >> shift == 0; shift -= 4)
		continue;
	for (; shift >= 0; shift -= 4)
		putch("0123456789abcdef"[v >> shift & 15]);
}

static void __attribute__((__noreturn__))
leave(int status)
{

	flush();
	for (;;)
		syscall6(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static void __attribute__((__noreturn__))
panic(const char *why, const char *what)
{

	word("panic ");
	word(why);
	word(what);
	putch('\n');
	leave(1);
}

/*
 * Memory at an address, from a file or without one. Where something is already,
 * Linux chooses another address, since MAP_FIXED is not asked for.
 */
static void *
map(uintptr_t at, uintptr_t size, const char *file)
{
	long fd;
	uintptr_t got;

	fd = -1;
	if (file != NULL) {
		fd = syscall6(SYS_openat, AT_FDCWD, (uintptr_t)file, 0, 0, 0, 0);
		if (fd < 0)
			panic("cannot open ", file);
	}
	got = syscall6(SYS_mmap, at, size, PROT_RWX,
	    MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (got > -PAGE || (at != 0 && got != at))
		return (NULL);
	return ((void *)got);
}

static void
watch(const char *name, void *start, uintptr_t size, const char *before)
{
	struct area *a;

	if (nareas == nitems(areas))
		panic("too many areas", "");
	a = &areas[nareas++];
	a->name = name;
	a->start = start;
	a->size = size;
	a->before = before;
	word("area ");
	word(name);
	number((uintptr_t)start);
	number(size);
	putch('\n');
}

/* An instance of a set of the kernel's, and what to add to addresses in it. */
static uintptr_t
instance(const char *name, int n, char *start, char *stop)
{
	char *mem;
	uintptr_t size;

	size = roundup((uintptr_t)(stop - start));
	mem = map(INSTANCES + n * APART, size, NULL);
	if (mem == NULL)
		panic("no memory for ", name);
	memcpy(mem, start, stop - start);
	watch(name, mem, size, NULL);
	word("base ");
	word(name);
	number((uintptr_t)mem - (uintptr_t)start);
	putch('\n');
	return ((uintptr_t)mem - (uintptr_t)start);
}

/* Remember what is in memory before the first call. */
static void
snapshot(void)
{
	struct area *a;
	char *copy;

	for (a = areas; a < areas + nareas; a++) {
		if (a->before != NULL)
			continue;
		copy = map(0, a->size, NULL);
		if (copy == NULL)
			panic("no memory to watch ", a->name);
		a->before = memcpy(copy, a->start, a->size);
	}
}

static void
report(void)
{
	struct area *a;
	const uint32_t *now, *was;
	uintptr_t i;

	for (a = areas; a < areas + nareas; a++) {
		if (a->before == NULL)
			continue;	/* nothing was called */
		now = (const uint32_t *)(const void *)a->start;
		was = (const uint32_t *)(const void *)a->before;
		for (i = 0; i < a->size / sizeof(*now); i++) {
			if (now[i] == was[i])
				continue;
			word("write ");
			word(a->name);
			number((uintptr_t)(now + i));
			number(now[i]);
			putch('\n');
		}
	}
	word("end\n");
}

struct siginfo {
	int		 si_signo;
	int		 si_errno;
	int		 si_code;
	uintptr_t	 si_addr;
};

static void
trap(int sig, struct siginfo *info, void *context __attribute__((__unused__)))
{
	uintptr_t page;

	word("fault");
	number(info->si_addr);
	putch('\n');
	page = info->si_addr & ~(PAGE - 1);
	if (sig == SIGSEGV && page != 0 && nareas < nitems(areas) &&
	    map(page, PAGE, NULL) != NULL) {
		watch("wild", (void *)page, PAGE, zeroes);
		return;
	}
	word("stop");
	number(sig);
	putch('\n');
	report();
	leave(0);
}

/*
 * struct sigaction as Linux takes it. Where it has no sa_restorer, the zeroes
 * are those of the mask.
 */
static void
catch(int sig)
{
	uintptr_t action[6] = { (uintptr_t)trap, SA_SIGINFO };

#ifdef RESTORER
	action[1] |= SA_RESTORER;
	action[2] = (uintptr_t)RESTORER;
#endif
	if (syscall6(SYS_rt_sigaction, sig, (uintptr_t)action, 0, 8, 0, 0) != 0)
		panic("cannot catch signals", "");
}

static uintptr_t
parse(const char *s)
{
	uintptr_t v;

	if (s[0] == '0' && s[1] == 'x')
		s += 2;
	for (v = 0; *s != '\0'; s++)
		v = v << 4 | (uintptr_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return (v);
}

/* Load part of a file to an address where there is memory. */
static void
put(uintptr_t at, uintptr_t size, const char *file)
{
	void *from;

	from = map(0, size, file);
	if (from == NULL)
		panic("cannot map ", file);
	memcpy((void *)at, from, size);
}

static int
same(const char *a, const char *b)
{

	while (*a == *b && *a != '\0')
		a++, b++;
	return (*a == *b);
}

static char **
command(char **argv)
{
	uintptr_t at, size;
	unsigned int i;

	if (same(argv[0], "module")) {
		at = parse(argv[2]);
		size = parse(argv[3]);
		if (map(at, size, argv[4]) == NULL)
			panic("cannot map ", argv[4]);
		watch(argv[1], (void *)at, size, NULL);
		return (argv + 5);
	}
	if (same(argv[0], "call")) {
		snapshot();
		thread0.td_vnet = &vnets[parse(argv[1]) % nitems(vnets)];
		thread0.td_pcpu = &cpus[parse(argv[2]) % nitems(cpus)];
		i = ((int (*)(void))parse(argv[3]))();
		word("return");
		number(i);
		putch('\n');
		return (argv + 4);
	}
	at = parse(argv[1]);
	size = parse(argv[2]);
	if (same(argv[0], "put"))
		put(at, size, argv[3]);
	else if (same(argv[0], "vnet")) 	/* vnet_data_copy */
		for (i = 0; i < nitems(vnets); i++)
			put(vnets[i].vnet_data_base + at, size, argv[3]);
	else if (same(argv[0], "pcpu"))		/* dpcpu_copy */
		for (i = 0; i < nitems(cpus); i++)
			put(cpus[i].pc_dynamic + at, size, argv[3]);
	else
		panic("what is ", argv[0]);
	return (argv + 4);
}

/* _start calls it with the address of argc, which argv follows. */
void	boot(uintptr_t *);

void
boot(uintptr_t *stack)
{
	char **argv = (char **)stack + 2;

	thread0.td_self = &thread0;
	set_thread(&thread0);
	catch(SIGSEGV);
	catch(SIGBUS);
	catch(SIGILL);
	vnets[0].vnet_data_base = instance("vnet0", 0, __start_set_vnet, __stop_set_vnet);
	vnets[1].vnet_data_base = instance("vnet1", 1, __start_set_vnet, __stop_set_vnet);
	cpus[0].pc_dynamic = instance("cpu0", 2, __start_set_pcpu, __stop_set_pcpu);
	cpus[1].pc_dynamic = instance("cpu1", 3, __start_set_pcpu, __stop_set_pcpu);
	watch("vnet", __start_set_vnet, __stop_set_vnet - __start_set_vnet, NULL);
	watch("pcpu", __start_set_pcpu, __stop_set_pcpu - __start_set_pcpu, NULL);
	while (*argv != NULL)
		argv = command(argv);
	report();
	leave(0);
}
