// Package harness runs relocated kernel modules in user space, where one can
// see what they do.
//
// Its kernel is a small freestanding program (kernel/kernel.c) with two network
// stacks and two CPUs, built for any architecture and run under QEMU's user
// mode emulation, or directly where the host is of that architecture. The
// modules come from padcheck's dry run, which relocates them against this
// program as it would against a real kernel; the harness maps them, calls into
// them and says which words of memory changed. So what the dry run says about a
// module can be compared with what the module does.
//
//	kernel, err := harness.Build(ctx, dir, a, tools)
//	session, err := padcheck.NewSession(kernel.Options())
//	...            // Boot and Load, as for any kernel
//	outcome, err := kernel.Run(ctx, []*loader.Module{m}, []harness.Call{{Address: f}})
//
// Neither building nor running needs FreeBSD; the kernel asks for seven system
// calls of Linux.
package harness
