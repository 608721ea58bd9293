# What 12 and 13 have in common of sys/conf/kmod.mk.
.if ${MACHINE_CPUARCH} != amd64
__KLD_SHARED=yes
.else
__KLD_SHARED=no
.endif

# kern.mk
LD_EMULATION_aarch64=	aarch64elf
LD_EMULATION_amd64=	elf_x86_64_fbsd
LD_EMULATION_armv7=	armelf_fbsd
LD_EMULATION_i386=	elf_i386_fbsd
LD_EMULATION=	${LD_EMULATION_${MACHINE_ARCH}}
TARGET_aarch64=	aarch64-unknown-freebsd14.0
TARGET_amd64=	x86_64-unknown-freebsd14.0 -mcmodel=kernel -mno-red-zone
TARGET_armv7=	armv7-unknown-freebsd14.0-gnueabihf -mno-movt
TARGET_i386=	i386-unknown-freebsd14.0
CFLAGS+=	--target=${TARGET_${MACHINE_ARCH}} -D_KERNEL -DKLD_MODULE -nostdinc -ffreestanding -fno-common
CFLAGS+=	${DEBUG_FLAGS}
.if ${MACHINE_CPUARCH} == aarch64
CFLAGS+=	-fPIC
LDFLAGS+=	--no-relax
.endif
LDFLAGS+=	-warn-common

.if defined(FIRMWS)
${KMOD:S/$/.c/}:
	${ECHO} "int ${KMOD}_image;" > ${.TARGET}
SRCS+=	${KMOD:S/$/.c/}
CLEANFILES+=	${KMOD:S/$/.c/}
.endif

OBJS+=	${SRCS:N*.h:R:S/$/.o/g}

.if !defined(PROG)
PROG=	${KMOD}.ko
.endif

.if !defined(DEBUG_FLAGS) || ${MK_KERNEL_SYMBOLS} == "no"
FULLPROG=	${PROG}
.else
FULLPROG=	${PROG}.full
${PROG}: ${FULLPROG} ${PROG}.debug
	${OBJCOPY} --strip-debug --add-gnu-debuglink=${PROG}.debug ${FULLPROG} ${.TARGET}
${PROG}.debug: ${FULLPROG}
	${OBJCOPY} --only-keep-debug ${FULLPROG} ${.TARGET}
CLEANFILES+=	${FULLPROG} ${PROG}.debug
.endif

.if ${__KLD_SHARED} == yes
${FULLPROG}: ${KMOD}.kld
	${LD} -m ${LD_EMULATION} -Bshareable -znotext -znorelro ${_LDFLAGS} -o ${.TARGET} ${KMOD}.kld
.if !defined(DEBUG_FLAGS)
	${OBJCOPY} --strip-debug ${.TARGET}
.endif
.endif

EXPORT_SYMS?=	NO
.if ${EXPORT_SYMS} != YES
CLEANFILES+=	export_syms
.endif

# Makes symbols local; a recipe of its own in FreeBSD, too.
.if ${EXPORT_SYMS} != YES
_EXPORT=	${NM} -g --defined-only ${.TARGET} | awk -v list=" $$(echo $$(cat export_syms)) " \
	'NF == 3 && !index(list, " " $$3 " ") { print "-L", $$3 }' | xargs sh -c '${OBJCOPY} "$$@" ${.TARGET}' --
.if ${EXPORT_SYMS} == NO
_EXPORT_LIST=	:> export_syms
.elif !exists(${.CURDIR}/${EXPORT_SYMS})
_EXPORT_LIST=	printf '%s\n' ${EXPORT_SYMS} > export_syms
.else
_EXPORT_LIST=	grep -v '^\#' < ${.CURDIR:Q}/${EXPORT_SYMS} > export_syms
.endif
.else
_EXPORT=	:
_EXPORT_LIST=	:
.endif
