# The form of 13.0 and later: LDSCRIPT_FLAGS reach stage 1.
.include <bsd.init.mk>
.include <kmod.common.mk>

.if exists(${SYSDIR}/conf/ldscript.kmod.${MACHINE})
LDSCRIPT_FLAGS?=	-T ${SYSDIR}/conf/ldscript.kmod.${MACHINE}
.endif

.if ${__KLD_SHARED} == yes
${KMOD}.kld: ${OBJS}
.else
${FULLPROG}: ${OBJS}
.endif
	${LD} -m ${LD_EMULATION} ${_LDFLAGS} ${LDSCRIPT_FLAGS} -r -o ${.TARGET} ${OBJS}
	${_EXPORT_LIST}
	${_EXPORT}
.if !defined(DEBUG_FLAGS) && ${__KLD_SHARED} == no
	${OBJCOPY} --strip-debug ${.TARGET}
.endif

all: ${PROG}

CLEANFILES+=	${PROG} ${KMOD}.kld ${OBJS}

.include <bsd.obj.mk>
