package toolchains

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// machine plays a package manager: it answers the questions about packages and
// writes down every other command.
type machine struct {
	installed, offered []string
	later              []string // what is offered after a refresh
	ran                []string
	fails              string // a word of the command that fails
	stub               bool   // pkg itself is not installed
}

func (m *machine) run(_ context.Context, c run.Command) (run.Result, error) {
	line := c.String()
	fail := func(status int) (run.Result, error) {
		return run.Result{}, &run.Error{Command: c, Status: "exit status", ExitCode: status, Err: errors.New("failed")}
	}
	var out strings.Builder
	each := func(packages, known []string, write func(string), otherwise func(string)) {
		for _, p := range packages {
			if slices.Contains(known, p) {
				write(p)
			} else {
				otherwise(p)
			}
		}
	}
	nothing := func(string) {}
	switch {
	case m.fails != "" && strings.Contains(line, m.fails):
		return fail(100)
	case c.Path == "dpkg-query":
		each(c.Args[3:], m.installed, func(p string) { out.WriteString("installed " + p + "\n") }, nothing)
		out.WriteString("config-files cmake\n") // removed once, which is not installed
		return run.Result{Stdout: []byte(out.String())}, &run.Error{ExitCode: 1, Err: errors.New("no packages found")}
	case c.Path == "apt-cache":
		each(c.Args[1:], m.offered, func(p string) {
			out.WriteString(p + ":\n  Installed: (none)\n  Candidate: 1:2.3-4\n  Version table:\n     1:2.3-4 500\n        500 http://x Packages\n")
		}, func(p string) {
			if strings.HasPrefix(p, "gcc-") { // known by name only
				out.WriteString(p + ":\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n")
			}
		})
		return run.Result{Stdout: []byte(out.String())}, nil
	case line == "pkg -N":
		if m.stub {
			return fail(1)
		}
		return run.Result{}, nil
	case strings.HasPrefix(line, "pkg query %n "):
		each(c.Args[2:], m.installed, func(p string) { out.WriteString(p + "\n") }, nothing)
	case strings.HasPrefix(line, "pkg rquery -U %n "):
		each(c.Args[3:], m.offered, func(p string) { out.WriteString(p + "\n") }, nothing)
		if out.Len() == 0 {
			return fail(69)
		}
	case m.stub && c.Path == "pkg" && c.Args[0] != "bootstrap" || c.Path == "sudo" && c.Args[0] != "-n":
		panic("would ask the user: " + line)
	default:
		m.ran = append(m.ran, line)
		if strings.Contains(line, "bootstrap") {
			m.stub = false
		}
		if strings.Contains(line, " update") {
			m.offered = append(m.offered, m.later...)
		}
		if _, packages, ok := strings.Cut(line, " install -y "); ok {
			m.installed = append(m.installed, strings.Fields(packages)...)
		}
	}
	return run.Result{Stdout: []byte(out.String())}, nil
}

func (m *machine) apt(t *testing.T, listed bool) apt {
	lists := t.TempDir()
	if listed {
		require.NoError(t, os.WriteFile(filepath.Join(lists, "deb_main_Packages.lz4"), nil, 0o600))
	}
	return apt{m.run, "amd64", lists}
}

// everything is each package of a manager.
func everything(m Manager) []string {
	var all []string
	for _, g := range m.Groups() {
		all = append(all, g.Packages...)
	}
	return all
}

// firsts are the packages that a machine gets that is offered everything.
func firsts(m Manager) []string {
	var list []string
	for _, g := range m.Groups() {
		if g.All {
			list = append(list, g.Packages...)
		} else {
			list = append(list, g.Packages[0])
		}
	}
	return list
}

const aptInstall = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "

const debian12 = "clang-13 clang-14 clang-15 clang-16 clang-19 clang-22 lld-13 lld-14 lld-15 lld-16 lld-19 lld-22 " +
	"binutils gcc-12 binutils-i686-kfreebsd-gnu binutils-i686-linux-gnu gcc-12-i686-linux-gnu " +
	"binutils-aarch64-linux-gnu gcc-12-aarch64-linux-gnu binutils-arm-linux-gnueabi gcc-12-arm-linux-gnueabi " +
	"binutils-powerpc-linux-gnu gcc-12-powerpc-linux-gnu binutils-powerpc64-linux-gnu gcc-12-powerpc64-linux-gnu " +
	"binutils-powerpc64le-linux-gnu gcc-12-powerpc64le-linux-gnu binutils-riscv64-linux-gnu gcc-12-riscv64-linux-gnu " +
	"qemu-user bmake make cmake ninja-build chromium"

func TestSetupApt(t *testing.T) {
	m := &machine{}
	apt := m.apt(t, true)
	m.offered = everything(apt)
	var out bytes.Buffer
	require.NoError(t, setup(t.Context(), System{Manager: apt, Root: true}, m.run, &out))
	require.Equal(t, []string{aptInstall + debian12}, m.ran)
	require.Less(t, strings.Index(out.String(), "setup: installing 34 packages with apt: clang-13 "), strings.Index(out.String(), "+ DEBIAN"))
	require.Contains(t, out.String(), "setup: done\n")

	// A second time there is nothing to do.
	m.ran = nil
	m.installed = strings.Fields(debian12)
	out.Reset()
	require.NoError(t, setup(t.Context(), System{Manager: apt, Root: true}, m.run, &out))
	require.Empty(t, m.ran)
	require.Equal(t, "setup: nothing is missing\n", out.String())
	require.NoError(t, setup(t.Context(), System{Manager: apt}, m.run, io.Discard), "no rights are needed for nothing")

	// One package is missing.
	m.installed = slices.DeleteFunc(strings.Fields(debian12), func(p string) bool { return p == "bmake" })
	require.NoError(t, setup(t.Context(), System{Manager: apt, Sudo: true}, m.run, io.Discard))
	require.Equal(t, []string{"sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bmake"}, m.ran)
}

func TestSetupAptRefreshesTheList(t *testing.T) {
	m := &machine{}
	apt := m.apt(t, false)
	m.later = everything(apt)
	require.NoError(t, setup(t.Context(), System{Manager: apt, Root: true}, m.run, io.Discard))
	require.Equal(t, []string{"apt-get update", aptInstall + debian12}, m.ran)
}

// Not every release has every version. What it does not have is no reason to
// ask for a new list over and over.
func TestSetupAptTakesWhatThereIs(t *testing.T) {
	m := &machine{}
	apt := m.apt(t, true)
	m.offered = strings.Fields("clang-14 clang-19 lld-19 binutils gcc-14 gcc-14-i686-linux-gnu binutils-i686-linux-gnu qemu-user bmake make cmake ninja-build")
	var out bytes.Buffer
	require.NoError(t, setup(t.Context(), System{Manager: apt, Root: true}, m.run, &out))
	require.Equal(t, []string{"apt-get update", aptInstall +
		"clang-14 clang-19 lld-19 binutils gcc-14 binutils-i686-linux-gnu gcc-14-i686-linux-gnu qemu-user bmake make cmake ninja-build"}, m.ran)
	require.Contains(t, out.String(), "setup: not offered by this system: binutils-i686-kfreebsd-gnu\n")

	m.installed, m.ran = m.offered, nil
	require.NoError(t, setup(t.Context(), System{Manager: apt, Root: true}, m.run, io.Discard))
	require.Empty(t, m.ran)
}

func TestSetupAptNeedsAClangAndAnLLD(t *testing.T) {
	m := &machine{}
	apt := m.apt(t, true)
	m.offered = slices.DeleteFunc(everything(apt), func(p string) bool { return strings.HasPrefix(p, "lld-") })
	err := setup(t.Context(), System{Manager: apt, Root: true}, m.run, io.Discard)
	require.EqualError(t, err, "setup: apt offers none of lld-13, lld-14, lld-15, lld-16, lld-19, lld-22: add a package source that has one")
	require.Equal(t, []string{"apt-get update"}, m.ran)
}

func TestSetupWithoutRightsPrintsTheCommands(t *testing.T) {
	m := &machine{}
	apt := m.apt(t, true)
	m.offered = everything(apt)
	var out bytes.Buffer
	err := setup(t.Context(), System{Manager: apt}, m.run, &out)
	require.ErrorIs(t, err, ErrNoRights)
	require.Empty(t, m.ran)
	require.Contains(t, out.String(), "    sudo env "+aptInstall+debian12+"\n")

	m.offered, out = nil, bytes.Buffer{}
	require.ErrorIs(t, setup(t.Context(), System{Manager: m.apt(t, false)}, m.run, &out), ErrNoRights)
	require.Empty(t, m.ran)
	require.Contains(t, out.String(), "    sudo apt-get update\nand then setup again")
}

func TestSetupReportsAFailure(t *testing.T) {
	for _, word := range []string{"dpkg-query", "apt-cache", "apt-get"} {
		m := &machine{fails: word}
		apt := m.apt(t, true)
		m.offered = everything(apt)
		var out bytes.Buffer
		err := setup(t.Context(), System{Manager: apt, Root: true}, m.run, &out)
		require.ErrorContains(t, err, "setup: ")
		var failure *run.Error
		require.ErrorAs(t, err, &failure)
		require.NotContains(t, out.String(), "done")
	}
}

const freebsd = "llvm13 llvm14 llvm15 llvm16 llvm19 llvm22 binutils aarch64-binutils amd64-binutils arm-gnueabi-binutils " +
	"i386-binutils powerpc-binutils powerpc64-binutils powerpc64le-binutils riscv64-binutils " +
	"aarch64-gcc12 amd64-gcc12 armv7-gcc12 i386-gcc12 powerpc-gcc12 powerpc64-gcc12 powerpc64le-gcc12 riscv64-gcc12 " +
	"qemu-user-static gmake cmake-core ninja"

func TestSetupPkg(t *testing.T) {
	m := &machine{}
	pkg := Pkg(m.run)
	m.offered = append(everything(pkg), "pkg")
	var out bytes.Buffer
	require.NoError(t, setup(t.Context(), System{Manager: pkg, Root: true}, m.run, &out))
	require.Equal(t, []string{"pkg install -y " + freebsd}, m.ran)
	require.Contains(t, out.String(), "setup: installing 27 packages with pkg: llvm13 ")

	m.ran = nil
	out.Reset()
	require.NoError(t, setup(t.Context(), System{Manager: pkg, Root: true}, m.run, &out))
	require.Empty(t, m.ran)
	require.Equal(t, "setup: nothing is missing\n", out.String())
}

func TestSetupPkgOnANewSystem(t *testing.T) {
	m := &machine{stub: true}
	pkg := Pkg(m.run)
	m.later = append(slices.DeleteFunc(everything(pkg), func(p string) bool { return p == "llvm13" || p == "powerpc64le-gcc12" }), "pkg")
	require.NoError(t, setup(t.Context(), System{Manager: pkg, Sudo: true}, m.run, io.Discard))
	want := strings.NewReplacer("llvm13 ", "", "powerpc64le-gcc12", "powerpc64le-gcc13").Replace(freebsd)
	require.Equal(t, []string{
		"sudo -n env ASSUME_ALWAYS_YES=yes pkg bootstrap", "sudo -n pkg update", "sudo -n pkg install -y " + want,
	}, m.ran)
}

func TestSetupPkgWithoutRights(t *testing.T) {
	m := &machine{stub: true}
	var out bytes.Buffer
	require.ErrorIs(t, setup(t.Context(), System{Manager: Pkg(m.run)}, m.run, &out), ErrNoRights)
	require.Empty(t, m.ran)
	require.Contains(t, out.String(), "    sudo env ASSUME_ALWAYS_YES=yes pkg bootstrap\n    sudo pkg update\n")
}

// What apt really says is understood; nothing is installed.
func TestSetupAsksTheRealApt(t *testing.T) {
	if _, err := exec.LookPath("apt-cache"); err != nil {
		t.Skip("apt-cache is not installed")
	}
	apt := Apt(run.Run, "amd64")
	installed, err := apt.Installed(t.Context(), []string{"dpkg", "kmodpad-no-such-package"})
	require.NoError(t, err)
	require.Equal(t, []string{"dpkg"}, installed)
	offered, err := apt.Offered(t.Context(), []string{"dpkg", "kmodpad-no-such-package", "awk"})
	require.NoError(t, err)
	require.Equal(t, []string{"dpkg"}, offered, "awk is provided by others and cannot be installed itself")
}

func TestGroupsNameNoPackageTwice(t *testing.T) {
	for _, m := range []Manager{Apt(nil, "amd64"), Apt(nil, "arm64"), Pkg(nil)} {
		all := everything(m)
		slices.Sort(all)
		require.Equal(t, slices.Compact(slices.Clone(all)), all)
	}
	require.Equal(t, debian12, strings.Join(firsts(Apt(nil, "amd64")), " "))
	require.NotContains(t, everything(Apt(nil, "arm64")), "gcc-12-aarch64-linux-gnu")
	require.Contains(t, everything(Apt(nil, "arm64")), "gcc-12-x86-64-linux-gnu")
}
