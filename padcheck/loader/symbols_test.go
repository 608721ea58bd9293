package loader_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

func TestReadSymbolsText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]uint64
		err        string // after the path
	}{
		{name: "name and address", text: "ext_fn 0x38000000\next_var 939524112\n", want: map[string]uint64{"ext_fn": 0x38000000, "ext_var": 939524112}},
		{name: "no newline at the end", text: "a 0x10", want: map[string]uint64{"a": 0x10}},
		{name: "nm", text: "ffffffff80200000 T btext\n                 U printf\n                 w weak\nffffffff81f40000 D vnet_entry\n",
			want: map[string]uint64{"btext": 0xffffffff80200000, "vnet_entry": 0xffffffff81f40000}},
		{name: "nm with 0x", text: "0xc0100000 T btext", want: map[string]uint64{"btext": 0xc0100000}},
		// Without a prefix nm's numbers are hexadecimal even when they look
		// decimal.
		{name: "nm without letters", text: "10000000 T btext", want: map[string]uint64{"btext": 0x10000000}},
		{name: "System.map with module names", text: "ffffffffc0000000 t init_module\t[dm_mod]\n", want: map[string]uint64{"init_module": 0xffffffffc0000000}},
		{name: "comments and empty lines", text: "# symbols\n\n  \t\na 1\n#b 2\n", want: map[string]uint64{"a": 1}},
		{name: "carriage returns", text: "a 1\r\nb 2\r\n", want: map[string]uint64{"a": 1, "b": 2}},
		{name: "the first of two counts", text: "a 1\na 2\n", want: map[string]uint64{"a": 1}},
		{name: "the highest address", text: "a 0xffffffffffffffff\n", want: map[string]uint64{"a": ^uint64(0)}},
		{name: "empty", text: "", want: map[string]uint64{}},

		{name: "one word", text: "a 1\nbtext\n", err: `:2: expected NAME ADDRESS, or ADDRESS TYPE NAME as nm prints`},
		{name: "many words", text: "this is no list of symbols\n", err: `:1: expected NAME ADDRESS, or ADDRESS TYPE NAME as nm prints`},
		{name: "no address", text: "\n\nbtext here\n", err: `:3: "here" is no address`},
		{name: "no hexadecimal number", text: "zzzz T btext\n", err: `:1: "0xzzzz" is no address`},
		{name: "beyond 2^64", text: "a 0x10000000000000000\n", err: `:1: "0x10000000000000000" is no address`},
		{name: "below zero", text: "a -1\n", err: `:1: "-1" is no address`},
		{name: "an endless line", text: "a 1\n" + strings.Repeat("x", 70000), err: ":2: no list of symbols: the line is longer than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "symbols")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			s, err := loader.ReadSymbols(path)
			if c.err != "" {
				require.EqualError(t, err, path+c.err)
				return
			}
			require.NoError(t, err)
			require.Nil(t, s.Arch, "a list does not say")
			require.Equal(t, len(c.want), s.Len())
			for name, want := range c.want {
				got, ok := s.Lookup(name)
				require.True(t, ok, name)
				require.Equal(t, want, got, name)
			}
			_, ok := s.Lookup("printf")
			require.False(t, ok, "undefined symbols are left out")
		})
	}
}

// TestReadSymbolsELF takes a module for a kernel: its own symbols count, those
// of files and sections and undefined ones do not.
func TestReadSymbolsELF(t *testing.T) {
	s, err := loader.ReadSymbols(filepath.Join(witnessDir, "i386", "mix.ko"))
	require.NoError(t, err)
	require.Equal(t, "i386", s.Arch.Name)
	for _, name := range []string{"own_fn", "vnet_entry_arr", "local_fn"} {
		addr, ok := s.Lookup(name)
		require.True(t, ok, name)
		require.NotZero(t, addr, name)
	}
	for _, name := range []string{"ext_fn", "", "mix.c", ".text"} {
		_, ok := s.Lookup(name)
		require.False(t, ok, name)
	}
}

func TestReadSymbolsDamaged(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "kernel")
	_, err := loader.ReadSymbols(missing)
	require.EqualError(t, err, missing+": no such file or directory")
	_, err = loader.ReadSymbols(dir)
	require.EqualError(t, err, dir+": is a directory")

	kernel, err := os.ReadFile(filepath.Join(witnessDir, "i386", "mix.ko"))
	require.NoError(t, err)
	cut := filepath.Join(dir, "cut")
	require.NoError(t, os.WriteFile(cut, kernel[:60], 0o600))
	_, err = loader.ReadSymbols(cut)
	require.ErrorContains(t, err, cut+": section header 0 at ")

	var none *loader.Symbols // no kernel is known
	_, ok := none.Lookup("printf")
	require.False(t, ok)
}
