package reloc_test

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/padcheck/profile"
	"github.com/kmodpad/kmodpad/padcheck/reloc"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// need is the path of the first of some programs that is installed. If none
// is, the test is skipped, or fails where KMODPAD_REQUIRE=all requires it.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("KMODPAD_REQUIRE") == "all" {
		t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
}

// TestLinkersAgree asks linkers for a second opinion. Where the kernel's formula
// is the ABI's, a linker that puts the same object at the same address must
// write the same bytes. The text of each sample is the order of its
// relocations' types.
func TestLinkersAgree(t *testing.T) {
	const text = 0x20000000
	for _, c := range []struct {
		arch   string
		gnu    []string // names of GNU ld
		flags  []string // for the assembler
		lflags []string // for the linkers
		ext    uint64
		types  []string
		source string
	}{
		{
			arch: "i386", gnu: []string{"i686-linux-gnu-ld.bfd", "i686-kfreebsd-gnu-ld.bfd", "ld.bfd"}, lflags: []string{"-m", "elf_i386"},
			ext:   0x20801234,
			types: []string{"R_386_32", "R_386_PC32", "R_386_PC32", "R_386_32"},
			source: `
	.long ext - 4
	.long ext - .
	.long ext - . + 0x7fffff
	.byte 0x90
	.long ext + 0x7fffffff
`,
		},
		{
			arch: "amd64", gnu: []string{"x86_64-linux-gnu-ld.bfd", "ld.bfd"}, lflags: []string{"-m", "elf_x86_64"},
			ext:   0x20801234,
			types: []string{"R_X86_64_64", "R_X86_64_32S", "R_X86_64_PC32", "R_X86_64_PLT32", "R_X86_64_64"},
			source: `
	.quad ext + 16
	movq $ext + 4, %rax
	leaq ext - 0x1000(%rip), %rax
	call ext
	.quad ext - 0x30000000
`,
		},
		{
			arch: "armv7", gnu: []string{"arm-linux-gnueabi-ld.bfd", "arm-linux-gnueabihf-ld.bfd"}, lflags: []string{"-m", "armelf_linux_eabi"},
			ext:   0x20801234,
			types: []string{"R_ARM_ABS32", "R_ARM_ABS32"},
			source: `
	.long ext - 4
	.long ext + 0x7fffffff
`,
		},
		{
			arch: "aarch64", gnu: []string{"aarch64-linux-gnu-ld.bfd"}, lflags: []string{"-m", "aarch64linux"},
			ext:   0x20801230,
			types: []string{"R_AARCH64_CALL26", "R_AARCH64_JUMP26", "R_AARCH64_CALL26", "R_AARCH64_ABS64"},
			source: `
	bl ext
	b ext + 8
	bl ext - 0x1000000
	nop
	.xword ext - 16
`,
		},
		{
			arch: "riscv64", gnu: []string{"riscv64-linux-gnu-ld.bfd"}, flags: []string{"-mno-relax", "-march=rv64imac"}, lflags: []string{"-m", "elf64lriscv", "--no-relax"},
			// The lower half is negative, so that the upper one is rounded up.
			ext:   0x20801a34,
			types: []string{"R_RISCV_HI20", "R_RISCV_LO12_I", "R_RISCV_LO12_S", "R_RISCV_PCREL_HI20", "R_RISCV_64"},
			// Without addends: the kernel forgets those of instructions.
			source: `
	.option norvc
	lui a0, %hi(ext)
	addi a0, a0, %lo(ext)
	sw a1, %lo(ext)(a0)
	auipc a0, %pcrel_hi(ext)
	.dword ext + 0x18
`,
		},
		{
			arch: "powerpc", gnu: []string{"powerpc-linux-gnu-ld.bfd"}, lflags: []string{"-m", "elf32ppclinux"},
			ext:   0x2080a234,
			types: []string{"R_PPC_ADDR16_HA", "R_PPC_ADDR16_LO", "R_PPC_ADDR16_HA", "R_PPC_ADDR16_LO", "R_PPC_ADDR32"},
			source: `
	lis 3, ext@ha
	addi 3, 3, ext@l
	lis 4, (ext + 0x5dcb)@ha
	lwz 4, (ext + 0x5dcb)@l(4)
	.long ext - 4
`,
		},
		{
			arch: "powerpc64le", gnu: []string{"powerpc64le-linux-gnu-ld.bfd"}, flags: []string{"-mabi=elfv2"}, lflags: []string{"-m", "elf64lppc"},
			ext:   0x2080a234,
			types: []string{"R_PPC64_ADDR64"},
			source: `
	.quad ext - 4
`,
		},
		{
			arch: "powerpc64", gnu: []string{"powerpc64-linux-gnu-ld.bfd"}, flags: []string{"-mabi=elfv2"}, lflags: []string{"-m", "elf64ppc"},
			ext:   0x2080a234,
			types: []string{"R_PPC64_ADDR64"},
			source: `
	.quad ext + 0x7fffffffffff
`,
		},
	} {
		t.Run(c.arch, func(t *testing.T) {
			clang := need(t, "clang-19", "clang-22", "clang-16", "clang-15", "clang-14", "clang-13", "clang")
			a, err := arch.ByName(c.arch)
			require.NoError(t, err)
			dir := t.TempDir()
			source, obj := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o")
			require.NoError(t, os.WriteFile(source, []byte("\t.text\n\t.globl _start\n_start:\n"+c.source), 0o600))
			command(t, clang, append(append([]string{"--target=" + a.Target}, c.flags...), "-c", "-o", obj, source)...)
			have := relocateText(t, obj, text, c.ext, c.types)

			for _, linker := range []string{need(t, c.gnu...), need(t, "ld.lld-19", "ld.lld-22", "ld.lld-16", "ld.lld-13", "ld.lld")} {
				out := filepath.Join(dir, filepath.Base(linker))
				args := append([]string{}, c.lflags...)
				args = append(args, fmt.Sprintf("-Ttext=%#x", text), fmt.Sprintf("--defsym=ext=%#x", c.ext), "-o", out, obj)
				command(t, linker, args...)
				require.Equal(t, hex.Dump(textOf(t, out, text)), hex.Dump(have), "%s", linker)
			}
		})
	}
}

// relocateText applies the relocations of an object's .text as the newest
// kernel would.
func relocateText(t *testing.T, path string, at, ext uint64, types []string) []byte {
	t.Helper()
	f, err := object.Open(path)
	require.NoError(t, err)
	defer f.Close()
	m := reloc.For(f.Arch)
	section := f.Section(".text")
	data, err := f.Data(section)
	require.NoError(t, err)
	mem := append([]byte(nil), data...)
	symbols, err := f.Symbols(elf.SHT_SYMTAB)
	require.NoError(t, err)
	var met []string
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Info != section.Index || s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA {
			continue
		}
		table, err := f.Relocations(s)
		require.NoError(t, err)
		for j := range table.Len {
			r := table.At(j)
			require.Equal(t, "ext", symbols.NameOf(r.Symbol))
			o := reloc.Op{B: at, Profile: profile.Newest(), Memory: mem[r.Offset:], Addends: table.Addends,
				Resolver: &fake{symbols: map[uint32]uint64{r.Symbol: ext}}}
			o.Type, o.Symbol, o.A, o.P, o.Pass = r.Type, r.Symbol, uint64(r.Addend), at+r.Offset, reloc.Global
			m.Apply(&o)
			require.Equal(t, reloc.Applied, o.Status, "%s: %v", m.Name(r.Type), o.Status)
			met = append(met, m.Name(r.Type))
		}
	}
	require.Equal(t, types, met, "the sample shows something else")
	return mem
}

// textOf is the code of a linked program.
func textOf(t *testing.T, path string, at uint64) []byte {
	t.Helper()
	f, err := object.Open(path)
	require.NoError(t, err)
	defer f.Close()
	s := f.Section(".text")
	require.NotNil(t, s)
	require.Equal(t, at, s.Addr)
	data, err := f.Data(s)
	require.NoError(t, err)
	return data
}
