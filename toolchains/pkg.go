package toolchains

import (
	"context"
	"errors"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// Pkg is the package manager of FreeBSD.
func Pkg(do Runner) Manager { return pkg{do} }

type pkg struct{ do Runner }

func (pkg) Name() string { return "pkg" }

// Groups needs no make: FreeBSD's own is bmake. The packages of LLVM hold clang
// and lld. The GNU tools for arm serve armv7.
func (pkg) Groups() []Group {
	groups := []Group{
		{Packages: versions("llvm", "", "13", "14", "15", "16", "19", "22"), All: true, Required: true},
		{Packages: []string{"binutils"}, Required: true},
	}
	for _, machine := range []string{"aarch64", "amd64", "arm-gnueabi", "i386", "powerpc", "powerpc64", "powerpc64le", "riscv64"} {
		groups = append(groups, Group{Packages: []string{machine + "-binutils"}})
	}
	for _, machine := range []string{"aarch64", "amd64", "armv7", "i386", "powerpc", "powerpc64", "powerpc64le", "riscv64"} {
		groups = append(groups, Group{Packages: versions(machine+"-gcc", "", "12", "13", "14")})
	}
	return append(groups,
		Group{Packages: []string{"qemu-user-static", "qemu-user-static-devel"}},
		Group{Packages: []string{"gmake"}, Required: true},
		Group{Packages: []string{"cmake-core", "cmake"}, Required: true},
		Group{Packages: []string{"ninja"}, Required: true})
}

func (p pkg) Installed(ctx context.Context, packages []string) ([]string, error) {
	if !p.bootstrapped(ctx) {
		return nil, nil
	}
	return p.names(ctx, append([]string{"query", "%n"}, packages...))
}

// Offered reads the list that pkg has, without the update that rquery does
// otherwise: that needs root, and belongs to Refresh.
func (p pkg) Offered(ctx context.Context, packages []string) ([]string, error) {
	if !p.Listed(ctx) {
		return nil, nil
	}
	return p.names(ctx, append([]string{"rquery", "-U", "%n"}, packages...))
}

func (p pkg) names(ctx context.Context, args []string) ([]string, error) {
	result, err := p.do(ctx, run.Command{Path: "pkg", Args: args})
	// 69 (EX_UNAVAILABLE) and 1 say that none of them, or not all, are known.
	if err := unlessExit(err, 1, 69); err != nil {
		return nil, err
	}
	return strings.Fields(string(result.Stdout)), nil
}

// bootstrapped says whether pkg itself is installed. A new FreeBSD has only a
// stub in its place, which offers to install it; -N makes it tell instead.
func (p pkg) bootstrapped(ctx context.Context) bool {
	_, err := p.do(ctx, run.Command{Path: "pkg", Args: []string{"-N"}})
	return err == nil
}

// Listed asks for a package that every list has.
func (p pkg) Listed(ctx context.Context) bool {
	if !p.bootstrapped(ctx) {
		return false
	}
	result, err := p.do(ctx, run.Command{Path: "pkg", Args: []string{"rquery", "-U", "%n", "pkg"}})
	return err == nil && len(result.Stdout) > 0
}

// Refresh bootstraps pkg too, which does nothing when it is there already.
func (pkg) Refresh() []run.Command {
	return []run.Command{
		{Path: "pkg", Args: []string{"bootstrap"}, Env: []string{"ASSUME_ALWAYS_YES=yes"}},
		{Path: "pkg", Args: []string{"update"}},
	}
}

func (pkg) Install(packages []string) run.Command {
	return run.Command{Path: "pkg", Args: append([]string{"install", "-y"}, packages...)}
}

// unlessExit forgets an error that is one of some exit statuses.
func unlessExit(err error, statuses ...int) error {
	if failure, ok := errors.AsType[*run.Error](err); ok {
		for _, status := range statuses {
			if failure.ExitCode == status {
				return nil
			}
		}
	}
	return err
}
