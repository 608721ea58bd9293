package padcheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// sysinitOrder sorts as linker_file_sysinit and linker_file_sysuninit of
// sys/kern/kern_linker.c do, by subsystem and then order, ascending or
// descending, and leaves out dummies, which are not called. Members that are
// equal in both change places on the way as they do there, so that this is no
// job for a stable sort, and dummies have to take part in it.
func sysinitOrder(set []sysinit, sign int) []sysinit {
	list := slices.Clone(set)
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			if sign*compareSysinits(list[i], list[j]) > 0 {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
	return slices.DeleteFunc(list, func(s sysinit) bool { return s.subsystem == subDummy })
}

func compareSysinits(a, b sysinit) int {
	return cmp.Or(cmp.Compare(a.subsystem, b.subsystem), cmp.Compare(a.order, b.order))
}

// load is what linker_load_file runs: the SYSINITs in ascending order. The
// event handlers and the vnets' constructors are called by some of them.
func (r *eventReader) load() []Step {
	steps := []Step{}
	for _, s := range sysinitOrder(r.inits, 1) {
		step := s.step()
		switch {
		case s.module != nil:
			step = s.module.step("MOD_LOAD")
			step.Subsystem, step.Order = subsystemLevel(s.subsystem), orderLevel(s.order)
		case s.vnet != nil && s.function == registerSysinit:
			step.Action, step.Function, step.Argument = CallInVnets, s.vnet.function, s.vnet.argument
		case s.vnet != nil:
			step.Action, step.Function, step.Argument = Register, s.vnet.function, s.vnet.argument
		}
		steps = append(steps, step)
	}
	return steps
}

// unload is what linker_file_unload runs: every handler is asked, every handler
// is told, and only then come the SYSUNINITs in descending order.
func (r *eventReader) unload() []Step {
	steps := []Step{}
	for _, event := range []string{"MOD_QUIESCE", "MOD_UNLOAD"} {
		for _, m := range r.unloadOrder() {
			steps = append(steps, m.step(event))
		}
	}
	for _, s := range sysinitOrder(r.uninits, -1) {
		step := s.step()
		switch {
		case s.vnet != nil && s.function == deregisterSysuninit:
			step.Action, step.Function, step.Argument = CallInVnets, s.vnet.function, s.vnet.argument
		case s.vnet != nil:
			step.Action, step.Function, step.Argument = Deregister, s.vnet.function, s.vnet.argument
		}
		steps = append(steps, step)
	}
	return steps
}

// unloadOrder is the file's list of modules as module_register and
// module_register_init of sys/kern/kern_module.c leave it: each module moves to
// the front once it has been told MOD_LOAD.
func (r *eventReader) unloadOrder() []moduledata {
	list := slices.Clone(r.modules)
	for _, s := range sysinitOrder(r.inits, 1) {
		if s.module == nil {
			continue
		}
		i := slices.Index(list, *s.module)
		if i >= 0 {
			list = slices.Insert(slices.Delete(list, i, i+1), 0, *s.module)
		}
	}
	return list
}

// shutdown is module_shutdown: the handlers, the last registered first.
func (r *eventReader) shutdown() []Step {
	steps := []Step{}
	for _, m := range slices.Backward(r.modules) {
		steps = append(steps, m.step("MOD_SHUTDOWN"))
	}
	return steps
}

// vnetCreate is vnet_sysinit: the constructors in ascending order, those that
// are equal as they were registered.
func (r *eventReader) vnetCreate() []Step { return vnetSteps(r.registered(registerSysinit)) }

// vnetDestroy is vnet_sysuninit: the destructors in the opposite order.
func (r *eventReader) vnetDestroy() []Step {
	list := r.registered(registerSysuninit)
	slices.Reverse(list)
	return vnetSteps(list)
}

// registered lists what the SYSINITs register with a function of the kernel's,
// sorted as it keeps them.
func (r *eventReader) registered(function string) []sysinit {
	var list []sysinit
	for _, s := range sysinitOrder(r.inits, 1) {
		if s.vnet != nil && s.function == function {
			list = append(list, *s.vnet)
		}
	}
	slices.SortStableFunc(list, compareSysinits)
	return list
}

func vnetSteps(list []sysinit) []Step {
	steps := []Step{}
	for _, s := range list {
		steps = append(steps, s.step())
	}
	return steps
}

func (s *sysinit) step() Step {
	return Step{Action: Call, Function: s.function, Argument: s.argument,
		Subsystem: subsystemLevel(s.subsystem), Order: orderLevel(s.order)}
}

func (m *moduledata) step(event string) Step {
	handler := m.handler
	if handler == "" {
		// modevent_nop of sys/kern/kern_module.c: loads, and cannot be unloaded
		handler = "modevent_nop"
	}
	return Step{Action: Notify, Function: handler, Event: event, Module: m.name}
}

// traps are the notes on what the orders mean.
func (r *eventReader) traps() []string {
	notes := []string{}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if len(r.modules) > 0 && len(r.uninits) > 0 {
		add("event handlers do not reverse: MOD_LOAD comes where DECLARE_MODULE says, but MOD_UNLOAD before every SYSUNINIT and every vnet's destructor")
	}
	loaded := map[string]bool{}
	var before []string // names of modules that have been told MOD_LOAD
	for _, s := range sysinitOrder(r.inits, 1) {
		if s.module != nil {
			loaded[s.module.name] = true
			before = append(before, s.module.name)
			continue
		}
		if s.vnet != nil && s.function == registerSysuninit && len(before) > 0 {
			add("%s runs after MOD_UNLOAD of %s, although it was registered after MOD_LOAD: MOD_UNLOAD must leave alone what it uses", s.vnet.function, strings.Join(before, ", "))
		}
		if s.vnet != nil && (s.subsystem <= subVnet || s.subsystem > subVnetDone) {
			add("%s is at %s, outside of what is possible for vnets: after SI_SUB_VNET, and not after SI_SUB_VNET_DONE", s.vnet.function, subsystemLevel(s.subsystem).Name)
		}
	}
	for _, m := range r.modules {
		if !loaded[m.name] {
			add("module %s is never told MOD_LOAD: no SYSINIT calls %s for it", m.name, registerModule)
		}
		if m.handler == "" {
			add("module %s has no event handler: it cannot be unloaded, and is not told of a shutdown", m.name)
		}
	}
	if len(r.modules) > 0 && len(r.registered(registerSysuninit)) > 0 {
		add("at shutdown no SYSUNINIT and no vnet's destructor runs, and no vnet is current: what has to be done there in every vnet, MOD_SHUTDOWN does, vnet by vnet")
	}
	if r.listed+r.unlisted > 0 {
		switch modern := r.k.Profile.AtLeast(14, 0); {
		case modern && r.unlisted > 0:
			add("%s of the form of FreeBSD 13 and before: FreeBSD %s would call the arguments as functions; compile with that release's headers", count(r.unlisted, "SYSINIT"), r.k.Profile.Name())
		case !modern && r.listed > 0:
			add("%s of the form of FreeBSD 14 and later: FreeBSD %s would call address 0; compile with that release's headers", count(r.listed, "SYSINIT"), r.k.Profile.Name())
		}
	}
	return notes
}
