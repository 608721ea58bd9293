# What share/mk/sys.mk gives to a module: tools, _LDFLAGS, the suffix rules, and
# the settings of the machine's owner.
.SUFFIXES:	.out .o .c .S
MACHINE_CPUARCH=${MACHINE_ARCH:C/armv[67]/arm/:C/powerpc64(le)?/powerpc/:C/riscv64/riscv/}
MACHINE=	${MACHINE_CPUARCH}
CC?=		cc
CFLAGS?=	-O2
LD?=		ld
LDFLAGS?=
_LDFLAGS=	${LDFLAGS:S/-Wl,//g:N-mabi=*:N-fuse-ld=*}
OBJCOPY?=	objcopy
NM?=		nm
ECHO?=		echo
MAKE?=		make

.c.o:
	${CC} ${CFLAGS} -c ${.IMPSRC:Q} -o ${.TARGET}

__MAKE_CONF?=	/etc/make.conf
.if exists(${__MAKE_CONF})
.include "${__MAKE_CONF}"
.endif
.sinclude <local.sys.mk>
