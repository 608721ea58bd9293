package toolchains

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// Apt is the package manager of Debian and of the systems made from it, on a
// machine of the Go architecture goarch.
func Apt(do Runner, goarch string) Manager { return apt{do, goarch, "/var/lib/apt/lists"} }

type apt struct {
	do     Runner
	goarch string
	lists  string // where apt keeps the lists of packages
}

func (apt) Name() string { return "apt" }

// debianTriples are the machines to have GNU tools for, as Debian writes them
// in the names of packages, and the Go architecture they are native on.
var debianTriples = []struct{ triple, goarch string }{
	{"i686-linux-gnu", "386"},
	{"aarch64-linux-gnu", "arm64"},
	{"arm-linux-gnueabi", ""},
	{"powerpc-linux-gnu", ""},
	{"powerpc64-linux-gnu", "ppc64"},
	{"powerpc64le-linux-gnu", "ppc64le"},
	{"riscv64-linux-gnu", "riscv64"},
	{"x86-64-linux-gnu", "amd64"},
}

func (a apt) Groups() []Group {
	groups := []Group{
		// Old and new: what a compiler does with an array changes with its version.
		{Packages: versions("clang-", "", "13", "14", "15", "16", "19", "22"), All: true, Required: true},
		{Packages: versions("lld-", "", "13", "14", "15", "16", "19", "22"), All: true, Required: true},
		{Packages: []string{"binutils"}, Required: true},
		{Packages: versions("gcc-", "", "12", "13", "14", "15"), Required: true},
		{Packages: []string{"binutils-i686-kfreebsd-gnu"}},
	}
	for _, t := range debianTriples {
		if t.goarch == a.goarch {
			continue // binutils and gcc serve it
		}
		groups = append(groups,
			Group{Packages: []string{"binutils-" + t.triple}},
			Group{Packages: versions("gcc-", "-"+t.triple, "12", "13", "14", "15")})
	}
	for _, p := range []string{"qemu-user", "bmake", "make", "cmake", "ninja-build"} {
		groups = append(groups, Group{Packages: []string{p}, Required: true})
	}
	// A browser looks at the matrix's page in the tests.
	groups = append(groups, Group{Packages: []string{"chromium"}})
	return groups
}

func (a apt) Installed(ctx context.Context, packages []string) ([]string, error) {
	args := append([]string{"-W", "-f", "${db:Status-Status} ${Package}\n"}, packages...)
	result, err := a.do(ctx, run.Command{Path: "dpkg-query", Args: args})
	// 1 says that it does not know some of them, which is what we want to know.
	if err := unlessExit(err, 1); err != nil {
		return nil, err
	}
	var installed []string
	for line := range strings.Lines(string(result.Stdout)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "installed "); ok {
			installed = append(installed, name)
		}
	}
	return installed, nil
}

// Offered asks for candidates. A paragraph of the answer begins with the
// package's name, and there is none for a package that apt has never heard of.
func (a apt) Offered(ctx context.Context, packages []string) ([]string, error) {
	result, err := a.do(ctx, run.Command{Path: "apt-cache", Args: append([]string{"policy"}, packages...)})
	if err != nil {
		return nil, err
	}
	var offered []string
	name := ""
	for line := range strings.Lines(string(result.Stdout)) {
		if !strings.HasPrefix(line, " ") {
			name = strings.TrimSuffix(strings.TrimSpace(line), ":")
		}
		if candidate, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok && candidate != "(none)" {
			offered = append(offered, name)
		}
	}
	return offered, nil
}

func (a apt) Listed(context.Context) bool {
	lists, _ := filepath.Glob(filepath.Join(a.lists, "*_Packages*"))
	return len(lists) > 0
}

func (apt) Refresh() []run.Command {
	return []run.Command{{Path: "apt-get", Args: []string{"update"}}}
}

func (apt) Install(packages []string) run.Command {
	return run.Command{
		Path: "apt-get",
		Args: append([]string{"install", "-y", "--no-install-recommends"}, packages...),
		Env:  []string{"DEBIAN_FRONTEND=noninteractive"},
	}
}

func versions(before, after string, numbers ...string) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = before + n + after
	}
	return names
}
