.if !target(__<bsd.obj.mk>__)
__<bsd.obj.mk>__: .NOTMAIN
.if !empty(CLEANFILES)
.NOPATH: ${CLEANFILES}
.endif
clean: .PHONY
	rm -f ${CLEANFILES}
.ORDER: clean all
.endif
