.include <bsd.sysdir.mk>
.include "${SYSDIR}/conf/kmod.mk"
