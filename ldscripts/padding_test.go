package ldscripts_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// neighbours are what may lie beside the sets: the guards have to stay between.
var neighbours = map[string]struct {
	sets []string
	more string
}{
	"alone": {[]string{"set_vnet"}, ""},
	"data":  {[]string{"set_vnet"}, "int data[3] = {1, 2, 3};\n"},
	"all": {ldscripts.Sets, "int data[3] = {1, 2, 3};\nint bss[3];\nconst int rodata[3] = {1, 2, 3};\n" +
		"__attribute__((section(\"set_methods\"))) int method = 1;\n" +
		"__attribute__((section(\".data.other\"))) int other = 1;\n"},
}

// TestPadding links scripts that use all of a module's padding, on every
// architecture, with every linker and different neighbours: both ends are
// filled, and the guards stay next to their sets through both stages.
func TestPadding(t *testing.T) {
	for _, a := range arch.All {
		if a.Shape == arch.Relocatable {
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			objects := make(map[string]string)
			for name, n := range neighbours {
				objects[name] = filepath.Join(dir, name+".o")
				text := strings.ReplaceAll(source(n.sets), "int plain = 1;\nint get(void) { return plain; }", "void get(void) {}")
				cc(t, a, objects[name], n.more+text)
			}
			for _, l := range ldscripts.Tried {
				t.Run(strings.ReplaceAll(l.String(), " ", "-"), func(t *testing.T) {
					t.Parallel()
					ld := find(t, l, a, objects["all"])
					for name, object := range objects {
						t.Run(name, func(t *testing.T) { checkPadding(t, ld, a, object) })
					}
				})
			}
		})
	}
}

func checkPadding(t *testing.T, ld linker, a *arch.Arch, object string) {
	t.Helper()
	dir := t.TempDir()
	p := ldscripts.Padding{GuardBefore: 8, GuardAfter: 12, Flags: flags(t, object)}
	f, err := elf.Open(object)
	require.NoError(t, err)
	defer f.Close()
	for i, set := range ldscripts.Sets {
		if f.Section(set) != nil {
			p.Sets = append(p.Sets, ldscripts.SetPadding{Name: set, Before: 32 * uint64(i+1), After: 39})
		}
	}
	text, err := p.Script(a).Render()
	require.NoError(t, err)
	script, guards := filepath.Join(dir, "script"), filepath.Join(dir, "guards.o")
	require.NoError(t, os.WriteFile(script, text, 0o666))
	require.NoError(t, os.WriteFile(guards, p.GuardObject(a), 0o666))
	_, ko := ld.link(t, a, object, "-T", script, guards)

	f, err = elf.Open(ko)
	require.NoError(t, err)
	defer f.Close()
	for _, p := range p.Sets {
		set := f.Section(p.Name)
		data, err := set.Data()
		require.NoError(t, err)
		want := append(bytes.Repeat([]byte{0x90}, int(p.Before)), 1)
		want = append(want, make([]byte, setSize-1)...)
		want = append(want, bytes.Repeat([]byte{0x90}, int(p.After))...)
		require.Equal(t, want, data)
		before, after := f.Section(".kmodpad.before."+p.Name), f.Section(".kmodpad.after."+p.Name)
		for _, s := range []*elf.Section{before, set, after} {
			require.NotNil(t, s, "%s: a guard of %s is missing", ko, p.Name)
			require.Equal(t, elf.SHF_ALLOC|elf.SHF_WRITE, s.Flags)
			require.Equal(t, elf.SHT_PROGBITS, s.Type)
		}
		for _, s := range f.Sections {
			if s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0 || s == before || s == set || s == after {
				continue
			}
			require.False(t, s.Addr+s.Size > before.Addr && s.Addr < after.Addr+after.Size, "%s: %s lies between %s and its guards", ko, s.Name, set.Name)
		}
		require.LessOrEqual(t, before.Addr+before.Size, set.Addr)
		require.Less(t, set.Addr-before.Addr-before.Size, max(set.Addralign, 1))
		require.GreaterOrEqual(t, after.Addr, set.Addr+set.Size)
		require.Less(t, after.Addr-set.Addr-set.Size, uint64(4))
	}
}

// flags are the e_flags of an object, which debug/elf does not tell.
func flags(t *testing.T, object string) uint32 {
	t.Helper()
	data, err := os.ReadFile(object)
	require.NoError(t, err)
	f, err := elf.NewFile(bytes.NewReader(data))
	require.NoError(t, err)
	if f.Class == elf.ELFCLASS64 {
		return f.ByteOrder.Uint32(data[48:])
	}
	return f.ByteOrder.Uint32(data[36:])
}

// The guards' object is one that other programs read without complaint, and
// there is none where there are no guards.
func TestGuardObject(t *testing.T) {
	p := ldscripts.Padding{
		Sets:        []ldscripts.SetPadding{{Name: "set_pcpu", ReadOnly: true}, {Name: "set_vnet"}},
		GuardBefore: 8, GuardAfter: 4, Flags: 0x5000000,
	}
	for _, a := range arch.All {
		f, err := elf.NewFile(bytes.NewReader(p.GuardObject(a)))
		require.NoError(t, err, a.Name)
		require.Equal(t, a.Machine, f.Machine)
		require.Equal(t, a.Class, f.Class)
		require.Equal(t, a.Order, f.ByteOrder)
		require.Equal(t, elf.ET_REL, f.Type)
		var have []string
		for _, s := range f.Sections {
			have = append(have, s.Name)
		}
		require.Equal(t, []string{"", ".kmodpad.before.set_pcpu", ".kmodpad.after.set_pcpu", ".kmodpad.before.set_vnet", ".kmodpad.after.set_vnet", ".note.GNU-stack", ".shstrtab"}, have)
		require.EqualValues(t, 8, f.Sections[1].Size)
		require.EqualValues(t, 4, f.Sections[2].Size)
		require.Equal(t, elf.SHF_ALLOC, f.Sections[2].Flags)
		require.Equal(t, elf.SHF_ALLOC|elf.SHF_WRITE, f.Sections[3].Flags)

		readelf, err := exec.LookPath("readelf")
		if err != nil {
			absent(t, "readelf")
		}
		object := filepath.Join(t.TempDir(), "guards.o")
		require.NoError(t, os.WriteFile(object, p.GuardObject(a), 0o666))
		require.EqualValues(t, p.Flags, flags(t, object))
		out, err := exec.Command(readelf, "-a", "-W", object).CombinedOutput()
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(out)), "warning", a.Name)
		require.NotContains(t, strings.ToLower(string(out)), "error", a.Name)
	}
	for _, none := range []ldscripts.Padding{
		{Sets: []ldscripts.SetPadding{{Name: "set_vnet", After: 8}}},
		{GuardBefore: 8, GuardAfter: 8},
	} {
		a, err := arch.ByName("i386")
		require.NoError(t, err)
		require.Nil(t, none.GuardObject(a))
	}
}
