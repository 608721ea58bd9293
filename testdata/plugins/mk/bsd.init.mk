.if !target(__<bsd.init.mk>__)
__<bsd.init.mk>__: .NOTMAIN
SRCCONF?=	/etc/src.conf
.if exists(${SRCCONF})
.include "${SRCCONF}"
.endif
MK_KERNEL_SYMBOLS?=	yes
.MAIN: all
beforebuild: .PHONY .NOTMAIN
all: beforebuild .WAIT
.endif
