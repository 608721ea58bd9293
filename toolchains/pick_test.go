package toolchains

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

func TestPick(t *testing.T) {
	installed := &Toolchains{Linkers: []Linker{
		{Program: Program{Name: "ld.lld-13", Path: "/usr/bin/ld.lld-13"}, Kind: LLD},
		{Program: Program{Name: "ld.lld-19", Path: "/usr/bin/ld.lld-19"}, Kind: LLD},
		{Program: Program{Name: "i686-linux-gnu-ld.bfd", Path: "/usr/bin/i686-linux-gnu-ld.bfd"}, Kind: BFD},
		{Program: Program{Name: "x86_64-linux-gnu-ld.bfd", Path: "/opt/bin/x86_64-linux-gnu-ld.bfd", Aliases: []string{"ld", "ld.bfd"}}, Kind: BFD},
	}}
	for _, test := range []struct {
		patterns, want []string
	}{
		{nil, []string{"ld.lld-13", "ld.lld-19", "i686-linux-gnu-ld.bfd", "x86_64-linux-gnu-ld.bfd"}},
		{[]string{"ld.lld-19"}, []string{"ld.lld-19"}},
		{[]string{"ld.lld-*"}, []string{"ld.lld-13", "ld.lld-19"}},
		{[]string{"*-ld.bfd", "ld.lld-1[39]", "ld.lld-13"}, []string{"ld.lld-13", "ld.lld-19", "i686-linux-gnu-ld.bfd", "x86_64-linux-gnu-ld.bfd"}},
		{[]string{"ld"}, []string{"x86_64-linux-gnu-ld.bfd"}},
		{[]string{"ld.bfd"}, []string{"x86_64-linux-gnu-ld.bfd"}},
		{[]string{"bfd"}, []string{"i686-linux-gnu-ld.bfd", "x86_64-linux-gnu-ld.bfd"}},
		{[]string{"lld"}, []string{"ld.lld-13", "ld.lld-19"}},
		{[]string{"ld.lld"}, []string{"ld.lld-13", "ld.lld-19"}},
		{[]string{"/opt/bin/x86_64-linux-gnu-ld.bfd"}, []string{"x86_64-linux-gnu-ld.bfd"}},
	} {
		picked, err := installed.PickLinkers(test.patterns...)
		require.NoError(t, err)
		require.Equal(t, test.want, names(picked, func(l Linker) string { return l.Name }), test.patterns)
	}

	_, err := installed.PickLinkers("lld", "ld.lld-99")
	require.EqualError(t, err, "no linker \"ld.lld-99\": installed are ld.lld-13, ld.lld-19, i686-linux-gnu-ld.bfd, "+
		"x86_64-linux-gnu-ld.bfd; `go tool mage setup` installs more")
	_, err = installed.PickLinkers("ld.lld-[")
	require.ErrorIs(t, err, path.ErrBadPattern)
	_, err = installed.PickCompilers("clang")
	require.ErrorContains(t, err, "no compiler \"clang\": no compiler is installed")
}

func TestCompareNames(t *testing.T) {
	order := []string{"clang", "clang-9", "clang9", "clang-13", "clang18", "clang-19", "clang-19.1", "clang-20", "clang20", "gcc", "gcc-4.9", "gcc-4.10", "gcc-99999999999999999999999"}
	for i, a := range order {
		for j, b := range order {
			got := compareNames(a, b)
			switch {
			case i < j:
				require.Negative(t, got, "%s %s", a, b)
			case i > j:
				require.Positive(t, got, "%s %s", a, b)
			default:
				require.Zero(t, got)
			}
		}
	}
	require.NotZero(t, compareNames("a1", "a01"))
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"Debian clang version 13.0.1-11+b2\nTarget: x":                                "13.0.1",
		"FreeBSD clang version 18.1.6 (https://github.com/llvm/x.git llvmorg-18.1.6)": "18.1.6",
		"clang version 20.0.0git (https://x y)":                                       "20.0.0git",
		"Debian LLD 22.1.8 (compatible with GNU linkers)":                             "22.1.8",
		"LLD 14.0.5 (FreeBSD llvmorg-14.0.5-0-gc12386ae247c-1400004) (compatible)":    "14.0.5",
		"GNU ld (GNU Binutils for Debian) 2.40":                                       "2.40",
		"GNU ld (Linaro_Binutils-2018.05) 2.28.2.20170706":                            "2.28.2.20170706",
		"GNU ld version 2.17.50 [FreeBSD] 2007-07-03":                                 "2.17.50",
		"llvm-objcopy, compatible with GNU objcopy\nDebian LLVM version 14.0.6":       "14.0.6",
		"objcopy (elftoolchain r3769M)":                                               "",
		"Hello":                                                                       "",
	} {
		require.Equal(t, want, parseVersion(text), text)
	}
}

func TestObjcopyOrder(t *testing.T) {
	i386, _ := arch.ByName("i386")
	have := func(names ...string) *Toolchains {
		t := &Toolchains{}
		for _, n := range names {
			t.Objcopies = append(t.Objcopies, Objcopy{Program: Program{Name: n}, Targets: []string{"i386"}})
		}
		t.Objcopies = append(t.Objcopies, Objcopy{Program: Program{Name: "i686-unknown-freebsd-objcopy"}, Targets: []string{"amd64"}})
		t.sort()
		return t
	}
	for _, test := range []struct {
		installed []string
		want      string
	}{
		{[]string{"objcopy", "x86_64-linux-gnu-objcopy", "i686-linux-gnu-objcopy", "llvm-objcopy-19"}, "i686-linux-gnu-objcopy"},
		{[]string{"i686-linux-gnu-objcopy", "i686-unknown-freebsd14.2-objcopy"}, "i686-unknown-freebsd14.2-objcopy"},
		{[]string{"objcopy", "llvm-objcopy-9", "llvm-objcopy-19"}, "llvm-objcopy-19"},
		{[]string{"objcopy", "vax-dec-vms-objcopy"}, "objcopy"},
		{[]string{"vax-dec-vms-objcopy"}, "vax-dec-vms-objcopy"},
	} {
		got, ok := have(test.installed...).Objcopy(i386)
		require.True(t, ok)
		require.Equal(t, test.want, got.Name)
	}
	_, ok := have().Objcopy(i386)
	require.False(t, ok)
}
