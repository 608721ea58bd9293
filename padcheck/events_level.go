package padcheck

import "fmt"

// Level is a SYSINIT's subsystem, or its order within one (sys/sys/kernel.h).
type Level struct {
	// Name is the constant's, as SI_SUB_PROTO_IF or SI_ORDER_ANY-1, or the
	// number in hexadecimal where it has none.
	Name  string `json:"name"`
	Value Addr   `json:"value"`
}

// Bounds of what a vnet's constructor may have for its subsystem (VNET_SYSINIT
// in sys/net/vnet.h); dummies are never run.
const (
	subDummy    = 0x0000000
	subVnet     = 0x21e0000
	subVnetDone = 0xdc00000
)

// subsystems are the constants SI_SUB_*, as FreeBSD 13.0 and the tree that
// became 15.0 number them. Numbers do not change once they are given, so one
// table serves all releases; where a name is that of some releases only, it
// says so.
var subsystems = map[uint32]string{
	subDummy:    "SI_SUB_DUMMY",
	0x0000001:   "SI_SUB_DONE",
	0x0700000:   "SI_SUB_TUNABLES",
	0x0800001:   "SI_SUB_COPYRIGHT",
	0x1000000:   "SI_SUB_VM",
	0x1100000:   "SI_SUB_COUNTER",
	0x1800000:   "SI_SUB_KMEM",
	0x1a40000:   "SI_SUB_HYPERVISOR",
	0x1a80000:   "SI_SUB_WITNESS",
	0x1ac0000:   "SI_SUB_MTX_POOL_DYNAMIC",
	0x1b00000:   "SI_SUB_LOCK",
	0x1c00000:   "SI_SUB_EVENTHANDLER",
	0x1e00000:   "SI_SUB_VNET_PRELINK",
	0x2000000:   "SI_SUB_KLD",
	0x2080000:   "SI_SUB_KHELP", // not in 13.0
	0x2100000:   "SI_SUB_CPU",
	0x2110000:   "SI_SUB_RACCT",
	0x2140000:   "SI_SUB_KDTRACE",
	0x2160000:   "SI_SUB_RANDOM",
	0x2180000:   "SI_SUB_MAC",
	0x21c0000:   "SI_SUB_MAC_POLICY",
	0x21d0000:   "SI_SUB_MAC_LATE",
	subVnet:     "SI_SUB_VNET",
	0x2200000:   "SI_SUB_INTRINSIC",
	0x2300000:   "SI_SUB_VM_CONF",
	0x2380000:   "SI_SUB_DDB_SERVICES",
	0x2400000:   "SI_SUB_RUN_QUEUE",
	0x2480000:   "SI_SUB_KTRACE",
	0x2490000:   "SI_SUB_OPENSOLARIS",
	0x24c0000:   "SI_SUB_AUDIT",
	0x2500000:   "SI_SUB_CREATE_INIT",
	0x2600000:   "SI_SUB_SCHED_IDLE",
	0x2700000:   "SI_SUB_MBUF",
	0x2800000:   "SI_SUB_INTR",
	0x2880000:   "SI_SUB_TASKQ",
	0x2888000:   "SI_SUB_EPOCH",
	0x2900000:   "SI_SUB_SMP", // with EARLY_AP_STARTUP
	0x2a00000:   "SI_SUB_SOFTINTR",
	0x2f00000:   "SI_SUB_DEVFS",
	0x3000000:   "SI_SUB_INIT_IF",
	0x3010000:   "SI_SUB_NETGRAPH",
	0x3020000:   "SI_SUB_DTRACE",
	0x3048000:   "SI_SUB_DTRACE_PROVIDER",
	0x308c000:   "SI_SUB_DTRACE_ANON",
	0x3100000:   "SI_SUB_DRIVERS",
	0x3800000:   "SI_SUB_CONFIGURE",
	0x4000000:   "SI_SUB_VFS",
	0x4800000:   "SI_SUB_CLOCKS",
	0x6400000:   "SI_SUB_SYSV_SHM",
	0x6800000:   "SI_SUB_SYSV_SEM",
	0x6c00000:   "SI_SUB_SYSV_MSG",
	0x6e00000:   "SI_SUB_P1003_1B",
	0x7000000:   "SI_SUB_PSEUDO",
	0x7400000:   "SI_SUB_EXEC",
	0x8000000:   "SI_SUB_PROTO_BEGIN",
	0x8100000:   "SI_SUB_PROTO_PFIL",
	0x8400000:   "SI_SUB_PROTO_IF",
	0x8600000:   "SI_SUB_PROTO_DOMAININIT",
	0x8700000:   "SI_SUB_PROTO_MC",
	0x8800000:   "SI_SUB_PROTO_DOMAIN",
	0x8806000:   "SI_SUB_PROTO_FIREWALL",
	0x8808000:   "SI_SUB_PROTO_IFATTACHDOMAIN",
	0x8ffffff:   "SI_SUB_PROTO_END",
	0x9000000:   "SI_SUB_KPROF",
	0xa000000:   "SI_SUB_KICK_SCHEDULER",
	0xa800000:   "SI_SUB_INT_CONFIG_HOOKS",
	0xb000000:   "SI_SUB_ROOT_CONF",
	0xd000000:   "SI_SUB_INTRINSIC_POST",
	0xd800000:   "SI_SUB_SYSCALLS",
	subVnetDone: "SI_SUB_VNET_DONE",
	0xe000000:   "SI_SUB_KTHREAD_INIT",
	0xe400000:   "SI_SUB_KTHREAD_PAGE",
	0xe800000:   "SI_SUB_KTHREAD_VM",
	0xea00000:   "SI_SUB_KTHREAD_BUF",
	0xec00000:   "SI_SUB_KTHREAD_UPDATE",
	0xee00000:   "SI_SUB_KTHREAD_IDLE",
	0xf000000:   "SI_SUB_SMP", // without EARLY_AP_STARTUP
	0xf100000:   "SI_SUB_RACCTD",
	0xfffffff:   "SI_SUB_LAST",
}

// Orders with a neighbourhood: sources write SI_ORDER_ANY - 1 and the like.
const (
	orderMiddle = 0x1000000
	orderAny    = 0xfffffff
)

var firstOrders = []string{"FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH"}

func subsystemLevel(v uint32) *Level {
	name, ok := subsystems[v]
	if !ok {
		name = fmt.Sprintf("%#x", v)
	}
	return &Level{name, Addr(v)}
}

func orderLevel(v uint32) *Level {
	const near = 64
	l := &Level{fmt.Sprintf("%#x", v), Addr(v)}
	switch {
	case int(v) < len(firstOrders):
		l.Name = "SI_ORDER_" + firstOrders[v]
	case v == orderMiddle:
		l.Name = "SI_ORDER_MIDDLE"
	case v == orderAny:
		l.Name = "SI_ORDER_ANY"
	case v > orderMiddle-near && v < orderMiddle+near:
		l.Name = fmt.Sprintf("SI_ORDER_MIDDLE%+d", int64(v)-orderMiddle)
	case v > orderAny-near && v < orderAny:
		l.Name = fmt.Sprintf("SI_ORDER_ANY-%d", orderAny-v)
	}
	return l
}
