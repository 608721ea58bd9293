# The form of 12.x: nothing but LDFLAGS reaches stage 1.
.include <bsd.init.mk>
.include <kmod.common.mk>

.if ${__KLD_SHARED} == yes
${KMOD}.kld: ${OBJS}
.else
${FULLPROG}: ${OBJS}
.endif
	${LD} -m ${LD_EMULATION} ${_LDFLAGS} -r -d -o ${.TARGET} ${OBJS}
	${_EXPORT_LIST}
	${_EXPORT}
.if !defined(DEBUG_FLAGS) && ${__KLD_SHARED} == no
	${OBJCOPY} --strip-debug ${.TARGET}
.endif

all: ${PROG}

CLEANFILES+=	${PROG} ${KMOD}.kld ${OBJS}

.include <bsd.obj.mk>
