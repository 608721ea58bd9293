TREE?=		13
_here:=		${.PARSEDIR:tA}
SYSDIR?=	${_here:H}/${TREE}/sys
