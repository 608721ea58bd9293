package run_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"":                          "''",
		"-o":                        "-o",
		"--target=i386-x-freebsd14": "--target=i386-x-freebsd14",
		"a b":                       "'a b'",
		"it's":                      `'it'\''s'`,
		`"`:                         `'"'`,
		"$HOME":                     "'$HOME'",
		"`id`":                      "'`id`'",
		"a\nb":                      "'a\nb'",
		`a\b`:                       `'a\b'`,
		"*.[co]":                    "'*.[co]'",
		"~/x":                       "'~/x'",
		"x~":                        "'x~'",
		"#x":                        "'#x'",
		"Größe":                     "'Größe'",
		"a;b&c|d<e>f(g)h{i,j}!":     "'a;b&c|d<e>f(g)h{i,j}!'",
		"/usr/bin/ld.lld-19":        "/usr/bin/ld.lld-19",
	} {
		require.Equal(t, want, run.Quote(word))
	}
}

// FuzzQuote asks a shell to read the word back.
func FuzzQuote(f *testing.F) {
	for _, word := range []string{"", "-n", "it's", "$(id)", "a\nb\n", "\\", "\xff", "~", "!", "{a,b}", "\t"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.ContainsRune(word, 0) {
			t.Skip("no argument can hold a NUL byte")
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+run.Quote(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	})
}

func TestCommandString(t *testing.T) {
	for want, c := range map[string]run.Command{
		"ld -m elf_i386 -o 'a b.ko'":      {Path: "ld", Args: []string{"-m", "elf_i386", "-o", "a b.ko"}},
		"'my ld'":                         {Path: "my ld"},
		"'a=b' c=d":                       {Path: "a=b", Args: []string{"c=d"}},
		"A=1 B='x y' C='' make":           {Path: "make", Env: []string{"A=1", "B=x y", "C="}},
		"(cd 'my dir' && make)":           {Path: "make", Dir: "my dir"},
		"(cd ./-d && make)":               {Path: "make", Dir: "-d"},
		"(cd d && printf %s hi | A=1 cc)": {Path: "cc", Dir: "d", Env: []string{"A=1"}, Stdin: []byte("hi")},
		`printf '\000\055\045s' | cc`:     {Path: "cc", Stdin: []byte("\x00-%s")},
	} {
		require.Equal(t, want, c.String())
	}
}

// The line does what the command does.
func TestCommandStringRuns(t *testing.T) {
	dir := t.TempDir() + "/it's $HERE"
	require.NoError(t, exec.CommandContext(t.Context(), "mkdir", dir).Run())
	for _, stdin := range []string{"", "line\n", "%s 'x'\n\n", "\x00\x01\\\xff%d-\n"} {
		c := run.Command{
			Path: "sh", Dir: dir, Env: []string{"V=a  b"}, Stdin: []byte(stdin),
			Args: []string{"-c", `pwd; cat; printf '<%s>' "$V" "$@"`, "-", "", "-x", "é\n'"},
		}
		result, err := run.Run(t.Context(), c)
		require.NoError(t, err)
		shell := exec.CommandContext(t.Context(), "sh", "-c", c.String())
		out, err := shell.Output()
		require.NoError(t, err)
		require.Equal(t, string(result.Stdout), string(out))
	}
}
