package toolchains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// ErrNoRights is in the error of [Setup] when packages are missing and this
// user may not install them.
var ErrNoRights = errors.New("no rights to install packages")

// Runner runs a command; [run.Run] is the real one.
type Runner func(context.Context, run.Command) (run.Result, error)

// System is a machine as far as installing packages goes.
type System struct {
	Manager Manager
	// Root says that this process may install packages as it is.
	Root bool
	// Sudo says that sudo lets it do so without asking for a password.
	Sudo bool
}

// Manager is a package manager.
type Manager interface {
	// Name is what people call it.
	Name() string
	// Groups are the packages to be had with it.
	Groups() []Group
	// Installed and Offered tell which of some packages are there, and which
	// could be.
	Installed(ctx context.Context, packages []string) ([]string, error)
	Offered(ctx context.Context, packages []string) ([]string, error)
	// Listed says whether it has a list of what it offers at all. A machine
	// that is fresh, or a container, often has none.
	Listed(ctx context.Context) bool
	// Refresh are the commands that get a new list, Install the one that
	// installs packages without asking questions.
	Refresh() []run.Command
	Install(packages []string) run.Command
}

// Group is a choice of packages.
type Group struct {
	Packages []string
	// All of them are wanted, as far as there are any; otherwise the first.
	All bool
	// Required says that one of them must be had.
	Required bool
}

// Plan is what has to be done to a system.
type Plan struct {
	// Refresh says that a new list of packages is needed before the plan can
	// be complete: carry out Commands, and plan again.
	Refresh bool
	// Install are the packages that will be installed.
	Install []string
	// Absent are the groups that the system does not offer.
	Absent []Group
	// Commands does it, with sudo in front where that is needed.
	Commands []run.Command
}

// Setup installs the useful toolchains that are missing, with the package
// manager of the system: apt on Debian and its children, pkg on FreeBSD. It
// tells out what it is going to do before it does it. When nothing is missing
// it says so and runs nothing. Without the rights to install it prints the
// commands instead and fails with [ErrNoRights].
func Setup(ctx context.Context, out io.Writer) error {
	system, err := thisSystem(ctx, run.Run)
	if err != nil {
		return err
	}
	return setup(ctx, system, run.Run, out)
}

func setup(ctx context.Context, system System, do Runner, out io.Writer) error {
	say := &teller{w: out}
	plan, err := MakePlan(ctx, system, false)
	if err != nil {
		return err
	}
	if plan.Refresh && system.mayInstall() {
		say.f("setup: asking %s for a new list of packages", system.Manager.Name())
		if err := carryOut(ctx, plan.Commands, do, say); err != nil {
			return err
		}
		if plan, err = MakePlan(ctx, system, true); err != nil {
			return err
		}
	}
	for _, group := range plan.Absent {
		say.f("setup: not offered by this system: %s", strings.Join(group.Packages, " or "))
	}
	switch {
	case len(plan.Commands) == 0:
		say.f("setup: nothing is missing")
		return say.err
	case !system.mayInstall():
		say.f("setup: packages are missing, and installing them needs root. Run")
		for _, c := range plan.Commands {
			say.f("    %s", c)
		}
		if plan.Refresh {
			say.f("and then setup again, which will know more packages.")
		}
		return fmt.Errorf("setup: %w: run the commands above as root, or allow sudo without a password", ErrNoRights)
	}
	say.f("setup: installing %d packages with %s: %s", len(plan.Install), system.Manager.Name(), strings.Join(plan.Install, " "))
	if err := carryOut(ctx, plan.Commands, do, say); err != nil {
		return err
	}
	say.f("setup: done")
	return say.err
}

// MakePlan plans what is missing. When refreshed is set, the list of packages is
// as new as it gets, and a required package that is not on it is an error.
func MakePlan(ctx context.Context, system System, refreshed bool) (Plan, error) {
	m := system.Manager
	var all []string
	for _, group := range m.Groups() {
		all = append(all, group.Packages...)
	}
	installed, err := m.Installed(ctx, all)
	if err != nil {
		return Plan{}, fmt.Errorf("setup: asking %s what is installed: %w", m.Name(), err)
	}
	offered, err := m.Offered(ctx, all)
	if err != nil {
		return Plan{}, fmt.Errorf("setup: asking %s what it offers: %w", m.Name(), err)
	}

	var plan Plan
	unknown := false
	for _, group := range m.Groups() {
		missing, satisfied := group.missing(installed, offered)
		plan.Install = append(plan.Install, missing...)
		unknown = unknown || !satisfied || slices.ContainsFunc(group.Packages, func(p string) bool {
			return group.All && !slices.Contains(installed, p) && !slices.Contains(offered, p)
		})
		if satisfied {
			continue
		}
		plan.Absent = append(plan.Absent, group)
		if group.Required && refreshed {
			return Plan{}, fmt.Errorf("setup: %s offers none of %s: add a package source that has one",
				m.Name(), strings.Join(group.Packages, ", "))
		}
	}
	// An unknown package may be new, or not exist on this system. A new list
	// is worth its time when there is none, when a package that must be there
	// is unknown, or when something is to be installed anyway.
	plan.Refresh = unknown && !refreshed && (len(plan.Install) > 0 || !m.Listed(ctx) ||
		slices.ContainsFunc(plan.Absent, func(g Group) bool { return g.Required }))
	if plan.Refresh {
		for _, c := range m.Refresh() {
			plan.Commands = append(plan.Commands, system.asRoot(c))
		}
	}
	if len(plan.Install) > 0 && !(plan.Refresh && system.mayInstall()) {
		plan.Commands = append(plan.Commands, system.asRoot(m.Install(plan.Install)))
	}
	return plan, nil
}

// missing lists what has to be installed of a group, and says whether the group
// is then served.
func (g Group) missing(installed, offered []string) (missing []string, satisfied bool) {
	for _, p := range g.Packages {
		switch {
		case slices.Contains(installed, p):
			satisfied = true
		case slices.Contains(offered, p):
			missing = append(missing, p)
		}
	}
	if g.All {
		return missing, satisfied || len(missing) > 0
	}
	if satisfied {
		return nil, true
	}
	return missing[:min(1, len(missing))], len(missing) > 0
}

func (s System) mayInstall() bool { return s.Root || s.Sudo }

// asRoot puts sudo in front of a command where it is needed. Where sudo would
// ask for a password the command is only printed, so there it may ask.
func (s System) asRoot(c run.Command) run.Command {
	if s.Root {
		return c
	}
	var args []string
	if s.Sudo {
		args = append(args, "-n")
	}
	if len(c.Env) > 0 { // sudo does not pass the environment on
		args = append(append(args, "env"), c.Env...)
	}
	return run.Command{Path: "sudo", Args: append(append(args, c.Path), c.Args...)}
}

func carryOut(ctx context.Context, commands []run.Command, do Runner, say *teller) error {
	for _, c := range commands {
		say.f("+ %s", c)
		c.Echo = say.w
		if _, err := do(ctx, c); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
	}
	return nil
}

// thisSystem finds out where we are.
func thisSystem(ctx context.Context, do Runner) (System, error) {
	system := System{Root: os.Geteuid() == 0}
	has := func(program string) bool { _, err := exec.LookPath(program); return err == nil }
	switch {
	case runtime.GOOS == "freebsd":
		system.Manager = Pkg(do)
	case has("apt-get") && has("dpkg-query"):
		system.Manager = Apt(do, runtime.GOARCH)
	default:
		return System{}, errors.New("setup: knows only apt (Debian, Ubuntu) and pkg (FreeBSD); " +
			"install clang and lld, GNU binutils and gcc for the architectures you need, qemu-user and bmake by hand")
	}
	if !system.Root {
		_, err := do(ctx, run.Command{Path: "sudo", Args: []string{"-n", "true"}})
		system.Sudo = err == nil
	}
	return system, nil
}

// teller writes lines and remembers the first failure to do so.
type teller struct {
	w   io.Writer
	err error
}

func (t *teller) f(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format+"\n", args...); t.err == nil && err != nil {
		t.err = fmt.Errorf("setup: %w", err)
	}
}
