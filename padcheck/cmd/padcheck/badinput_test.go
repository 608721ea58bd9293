package main

import (
	"bytes"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

// asCommand makes the test program behave as the command itself, so that exit
// statuses and both outputs are those that users get.
const asCommand = "PADCHECK_TEST_AS_COMMAND"

func init() {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args[1:]))
	}
}

// invoke runs the command.
func invoke(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "padcheck %s hangs", strings.Join(args, " "))
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// requireRefused says that the command ends with status 2 and one line that
// names the file and holds the text.
func requireRefused(t *testing.T, path, text string, args ...string) {
	t.Helper()
	status, _, stderr := invoke(t, args...)
	require.Equal(t, exitUnusable, status, "standard error: %s", stderr)
	line, rest, _ := strings.Cut(stderr, "\n")
	require.Empty(t, rest, "more than a line")
	require.True(t, strings.HasPrefix(line, "padcheck: "+path), "does not name %s first: %s", path, line)
	require.Contains(t, line, text)
	require.NotContains(t, line[len("padcheck: ")+len(path):], path, "names the file twice")
	require.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "not printable: %q", line)
}

// damage is one way to spoil a real module.
type damage struct {
	name string
	arch string // i386 when empty
	do   func(v *victim)
	// want is in the one line of the error, exit status 2. When the file still
	// makes sense to the kernel, want is in the report instead, and report is
	// the exit status.
	want   string
	report int
}

const (
	near32 = 0xfffffff0
	near64 = 0xfffffffffffffff0
)

var damages = []damage{
	// The file.
	{name: "empty", do: func(v *victim) { v.data = nil }, want: "the file is empty"},
	{name: "no ELF file", do: func(v *victim) { v.data = []byte("#!/bin/sh\nexit 0\n") }, want: "not an ELF file"},
	{name: "LLVM bitcode", do: func(v *victim) { v.data = []byte("BC\xc0\xde more") }, want: "LLVM bitcode"},
	{name: "four bytes", do: func(v *victim) { v.data = v.data[:4] }, want: "the ELF header is cut off after 4 bytes"},
	{name: "51 bytes", do: func(v *victim) { v.data = v.data[:51] }, want: "the ELF header is cut off after 51 bytes"},
	{name: "63 bytes", arch: "amd64", do: func(v *victim) { v.data = v.data[:63] }, want: "the ELF header is cut off after 63 bytes"},
	{name: "cut off", do: func(v *victim) { v.data = v.data[:2000] }, want: "section header 0 at 0xaec, 40 bytes long, lies outside the file of 2000 bytes"},

	// The header.
	{name: "class none", do: func(v *victim) { v.data[elf.EI_CLASS] = 0 }, want: "ELF class 0 is neither 32 nor 64 bit"},
	{name: "the other class", do: func(v *victim) { v.data[elf.EI_CLASS] = byte(elf.ELFCLASS64) }, want: "EM_386, ELFCLASS64, ELFDATA2LSB: FreeBSD has no kernel modules of this kind"},
	{name: "big endian", do: func(v *victim) { v.data[elf.EI_DATA] = byte(elf.ELFDATA2MSB) }, want: "unsupported ELF version 16777216"},
	{name: "byte order none", do: func(v *victim) { v.data[elf.EI_DATA] = 0 }, want: "ELF byte order 0 is neither little nor big endian"},
	{name: "version in the identification", do: func(v *victim) { v.data[elf.EI_VERSION] = 9 }, want: "unsupported ELF version 9"},
	{name: "version in the header", do: func(v *victim) { v.set(v.header("e_version"), 7) }, want: "unsupported ELF version 7"},
	{name: "another machine", do: func(v *victim) { v.set(v.header("e_machine"), uint64(elf.EM_SPARCV9)) }, want: "EM_SPARCV9, ELFCLASS32, ELFDATA2LSB: FreeBSD has no kernel modules of this kind"},
	{name: "machine of another class", do: func(v *victim) { v.set(v.header("e_machine"), uint64(elf.EM_AARCH64)) }, want: "EM_AARCH64, ELFCLASS32"},
	{name: "core file", do: func(v *victim) { v.set(v.header("e_type"), uint64(elf.ET_CORE)) }, want: "ET_CORE is no kernel module"},
	{name: "no type", do: func(v *victim) { v.set(v.header("e_type"), 0x4711) }, want: "is no kernel module"},
	{name: "said to be relocatable", do: func(v *victim) { v.set(v.header("e_type"), uint64(elf.ET_REL)) }, want: "relocation section 4 relocates section 0 of 15"},

	// Sections.
	{name: "section headers outside", do: func(v *victim) { v.set(v.header("e_shoff"), near32) }, want: "section header 0 at 0xfffffff0, 40 bytes long, lies outside the file of 3396 bytes"},
	{name: "section headers near 2^64", arch: "amd64", do: func(v *victim) { v.set(v.header("e_shoff"), near64) }, want: "section header 0 at 0xfffffffffffffff0, 64 bytes long, lies outside the file of 3720 bytes"},
	{name: "65535 sections", do: func(v *victim) { v.set(v.header("e_shnum"), 0xffff) }, want: "the section header table at 0xaec, 2621400 bytes long, lies outside the file"},
	{name: "sections counted in section 0", do: func(v *victim) {
		v.set(v.header("e_shnum"), 0)
		v.set(v.sectionField(0, "sh_size"), near32)
	}, want: "4294967280 sections do not fit in the file of 3396 bytes"},
	{name: "2^64 sections", arch: "amd64", do: func(v *victim) {
		v.set(v.header("e_shnum"), 0)
		v.set(v.sectionField(0, "sh_size"), near64)
	}, want: "18446744073709551600 sections do not fit in the file of 3720 bytes"},
	{name: "sections without a table", do: func(v *victim) { v.set(v.header("e_shoff"), 0) }, want: "15 sections, but no section header table"},
	{name: "section headers of another size", do: func(v *victim) { v.set(v.header("e_shentsize"), 64) }, want: "section headers of 64 bytes, expected 40"},
	{name: "names in a section that is not there", do: func(v *victim) { v.set(v.header("e_shstrndx"), 99) }, want: "the section names are in section 99 of 15"},
	{name: "names in no string table", do: func(v *victim) { v.set(v.header("e_shstrndx"), 1) }, want: "the section names are in section 1, which is no string table"},
	{name: "section name outside", do: func(v *victim) { v.set(v.section(".text", "sh_name"), 0x7fff) }, want: "the name of section 5 lies outside the section names"},
	{name: "section outside", do: func(v *victim) { v.set(v.section(".text", "sh_offset"), 0x10000) }, want: "section 5 at 0x10000, 143 bytes long, lies outside the file"},
	{name: "section size near 2^32", do: func(v *victim) { v.set(v.section(".text", "sh_size"), near32) }, want: "section 5 at 0x560, 4294967280 bytes long, lies outside the file"},
	{name: "section size near 2^64", arch: "amd64", do: func(v *victim) { v.set(v.section(".text", "sh_size"), near64) }, want: "section 1 at 0x40, 18446744073709551600 bytes long, lies outside the file"},
	{name: "section offset and size wrap around", arch: "amd64", do: func(v *victim) {
		v.set(v.section(".text", "sh_offset"), near64)
		v.set(v.section(".text", "sh_size"), 0x20)
	}, want: "section 1 at 0xfffffffffffffff0, 32 bytes long, lies outside the file"},
	{name: "overlapping sections", do: func(v *victim) {
		for _, s := range []string{".text", ".data", "set_vnet"} {
			v.set(v.section(s, "sh_offset"), 0)
			v.set(v.section(s, "sh_size"), 3000)
		}
	}, want: "in a file of 3396 bytes: they overlap"},
	{name: "alignment of three", do: func(v *victim) { v.set(v.section("set_vnet", "sh_addralign"), 3) }, want: "section 7 has alignment 3, which is no power of two"},
	{name: "alignment of 2^63", arch: "amd64", do: func(v *victim) { v.set(v.section("set_vnet", "sh_addralign"), 1<<63) }, want: "it asks for more than 256 MiB of memory"},
	{name: "alignment of 2^63 of the first section", arch: "amd64", do: func(v *victim) { v.set(v.section(".text", "sh_addralign"), 1<<63) }, want: "it asks for more than 256 MiB of memory"},
	{name: "alignment of 0", arch: "amd64", do: func(v *victim) { v.set(v.section(".data", "sh_addralign"), 0) }, want: "section .data has alignment 0"},

	// Segments.
	{name: "program headers outside", do: func(v *victim) { v.set(v.header("e_phoff"), near32) }, want: "the program header table at 0xfffffff0, 192 bytes long, lies outside the file"},
	{name: "program headers of another size", do: func(v *victim) { v.set(v.header("e_phentsize"), 56) }, want: "program headers of 56 bytes, expected 32"},
	{name: "65534 segments", do: func(v *victim) { v.set(v.header("e_phnum"), 0xfffe) }, want: "the program header table at 0x34, 2097088 bytes long, lies outside the file"},
	{name: "segments counted in section 0", do: func(v *victim) {
		v.set(v.header("e_phnum"), 0xffff)
		v.set(v.sectionField(0, "sh_info"), near32)
	}, want: "the program header table at 0x34, 137438952960 bytes long, lies outside the file"},
	{name: "no segments", do: func(v *victim) { v.set(v.header("e_phnum"), 0) }, want: "no PT_DYNAMIC segment"},
	{name: "segment outside the file", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 1, "p_offset"), 0x8000) }, want: "segment 2 at 0x8000, 143 bytes long, lies outside the file"},
	{name: "segment size near 2^32", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 1, "p_filesz"), near32) }, want: "segment 2 at 0x560, 4294967280 bytes long, lies outside the file"},
	{name: "more in the file than in memory", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_memsz"), 16) }, want: "segment 3 has 356 bytes in the file but only 16 in memory"},
	{name: "memory near 2^32", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_memsz"), near32) }, want: "it maps addresses 0x0 to 0x100003000, more than 256 MiB"},
	{name: "memory near 2^64", arch: "aarch64", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_memsz"), near64) }, want: "wraps around"},
	{name: "address near 2^64", arch: "aarch64", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_vaddr"), 0xffffffffffff0000) }, want: "MiB"},
	{name: "256 MiB and a byte", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_memsz"), 256<<20) }, want: "more than 256 MiB"},
	{name: "overlapping segments", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 1, "p_vaddr"), 0x500) }, want: "segment 1 begins at 0x500, before the end of the one before, 0x560"},
	{name: "descending segments", do: func(v *victim) {
		v.set(v.segment(elf.PT_LOAD, 1, "p_vaddr"), 0x2800)
		v.set(v.segment(elf.PT_LOAD, 2, "p_vaddr"), 0x1600)
	}, want: "segment 1 at 0x2800, 143 bytes long, lies outside the map from 0x0 to 0x2000; the kernel expects segments in ascending order"},
	{name: "descending segments inside of the map", do: func(v *victim) {
		v.set(v.segment(elf.PT_LOAD, 0, "p_vaddr"), 0x800)
		v.set(v.segment(elf.PT_LOAD, 1, "p_vaddr"), 0x100)
	}, want: "segment 1 begins at 0x100, before the end of the one before, 0xd60; the kernel expects segments in ascending order"},
	{name: "last segment below the others", do: func(v *victim) { v.set(v.segment(elf.PT_LOAD, 2, "p_vaddr"), 0x100) }, want: "the kernel expects segments in ascending order"},
	{name: "not at zero", do: func(v *victim) {
		for n := range 3 {
			f := v.segment(elf.PT_LOAD, n, "p_vaddr")
			v.set(f, v.is(f)+0x10000)
		}
		f := v.segment(elf.PT_DYNAMIC, 0, "p_vaddr")
		v.set(f, v.is(f)+0x10000)
	}, want: "its first segment begins at 0x10000, and the kernel can load modules linked at 0 only"},
	{name: "no PT_LOAD", do: func(v *victim) {
		for range 3 {
			v.set(v.segment(elf.PT_LOAD, 0, "p_type"), uint64(elf.PT_NOTE))
		}
	}, want: "no PT_LOAD segment"},
	{name: "an interpreter", do: func(v *victim) { v.set(v.segment(elf.PT_GNU_STACK, 0, "p_type"), uint64(elf.PT_INTERP)) }, want: "interpreter-requested", report: exitFindings},

	// The dynamic section.
	{name: "dynamic section outside", do: func(v *victim) { v.set(v.segment(elf.PT_DYNAMIC, 0, "p_vaddr"), 0x9000) }, want: "the dynamic section at 0x9000 lies outside the map from 0x0 to 0x3000"},
	{name: "dynamic section without an end", do: func(v *victim) {
		_, tag := v.dynamic(elf.DT_NULL)
		v.set(tag, 0x6fffffff)
		// What follows is .bss, which is zero: let it be the end of the map.
		v.set(v.segment(elf.PT_LOAD, 2, "p_memsz"), v.is(v.segment(elf.PT_LOAD, 2, "p_filesz")))
		v.set(v.segment(elf.PT_DYNAMIC, 0, "p_vaddr"), 0x2ffc)
	}, want: "a dynamic section that DT_NULL does not end at 0x2ffc, 8 bytes long, lies outside the module's 12288 bytes"},
	{name: "DT_SYMENT", do: func(v *victim) { f, _ := v.dynamic(elf.DT_SYMENT); v.set(f, 24) }, want: "DT_SYMENT is 24, expected 16"},
	{name: "DT_RELENT", do: func(v *victim) { f, _ := v.dynamic(elf.DT_RELENT); v.set(f, 12) }, want: "DT_RELENT is 12, expected 8"},
	{name: "DT_STRTAB outside", do: func(v *victim) { f, _ := v.dynamic(elf.DT_STRTAB); v.set(f, 0x5000) }, want: "the dynamic string table at 0x5000, 268 bytes long, lies outside the module's 12288 bytes"},
	{name: "DT_STRSZ near 2^32", do: func(v *victim) { f, _ := v.dynamic(elf.DT_STRSZ); v.set(f, near32) }, want: "the dynamic string table at 0x354, 4294967280 bytes long, is longer than the file"},
	{name: "DT_SYMTAB outside", do: func(v *victim) { f, _ := v.dynamic(elf.DT_SYMTAB); v.set(f, 0x2ff0) }, want: "the dynamic symbol table at 0x2ff0, 400 bytes long, lies outside the module's 12288 bytes"},
	{name: "DT_REL outside", do: func(v *victim) { f, _ := v.dynamic(elf.DT_REL); v.set(f, near32) }, want: "DT_REL at 0xfffffff0, 256 bytes long, lies outside the module's 12288 bytes"},
	{name: "DT_RELSZ near 2^32", do: func(v *victim) { f, _ := v.dynamic(elf.DT_RELSZ); v.set(f, near32) }, want: "DT_REL at 0x460, 4294967280 bytes long, is longer than the file"},
	{name: "DT_PLTREL", do: func(v *victim) {
		_, tag := v.dynamic(elf.DT_TEXTREL)
		v.set(tag, uint64(elf.DT_PLTREL))
		f, _ := v.dynamic(elf.DT_PLTREL)
		v.set(f, 99)
	}, want: "DT_PLTREL is 99, neither DT_REL nor DT_RELA"},
	{name: "a table without addends", arch: "riscv64", do: func(v *victim) {
		_, tag := v.dynamic(elf.DT_RELA)
		v.set(tag, uint64(elf.DT_REL))
		_, tag = v.dynamic(elf.DT_RELASZ)
		v.set(tag, uint64(elf.DT_RELSZ))
		_, tag = v.dynamic(elf.DT_RELAENT)
		v.set(tag, uint64(elf.DT_TEXTREL))
	}, want: "DT_REL carries no addends, and the riscv64 kernel panics on that"},

	// The hash table.
	{name: "DT_HASH outside", do: func(v *victim) { f, _ := v.dynamic(elf.DT_HASH); v.set(f, 0x2ffc) }, want: "the symbol hash table at 0x2ffc, 8 bytes long, lies outside"},
	{name: "no DT_HASH", do: func(v *victim) { _, f := v.dynamic(elf.DT_HASH); v.set(f, 0x6ffffef5) }, want: "DT_GNU_HASH is unknown to it", report: exitFindings},
	{name: "no buckets", do: func(v *victim) { v.set(v.hash(0), 0) }, want: "its DT_HASH has no buckets", report: exitFindings},
	{name: "2^32 buckets", do: func(v *victim) { v.set(v.hash(0), 0xffffffff) }, want: "the symbol hash table at 0x28c, 17179869280 bytes long, is longer than the file"},
	{name: "2^32 chains", do: func(v *victim) { v.set(v.hash(1), 0xffffffff) }, want: "bytes long, is longer than the file"},
	{name: "chains that loop", do: func(v *victim) {
		nbuckets, nchains := v.is(v.hash(0)), v.is(v.hash(1))
		for i := range nbuckets { // all buckets lead to symbol 1, and it to itself
			v.set(v.hash(2+i), 1)
		}
		for i := range nchains {
			v.set(v.hash(2+nbuckets+i), 1)
		}
	}, want: "a chain of the symbol hash table is a loop; kldload would never return"},
	{name: "buckets beyond the symbols", do: func(v *victim) {
		for i := range v.is(v.hash(0)) {
			v.set(v.hash(2+i), 0xffff)
		}
	}, want: "bogus-set-symbols", report: exitFindings},

	// Symbols.
	{name: "st_name outside", do: func(v *victim) { v.set(v.symbol(".dynsym", "__start_set_vnet", "st_name"), 0x7fffffff) },
		want: "not both __start_set_vnet and __stop_set_vnet in the dynamic symbol table", report: exitFindings},
	{name: "two symbol tables", arch: "amd64", do: func(v *victim) {
		v.set(v.section(".comment", "sh_type"), uint64(elf.SHT_SYMTAB))
	}, want: "2 symbol tables (the kernel says: file must have exactly one symbol table)"},
	{name: "no symbol table", arch: "amd64", do: func(v *victim) { v.set(v.section(".symtab", "sh_type"), uint64(elf.SHT_PROGBITS)) },
		want: "0 symbol tables"},
	{name: "symbol names in no string table", arch: "amd64", do: func(v *victim) { v.set(v.section(".symtab", "sh_link"), 1) },
		want: "the names of the symbols in section .symtab are in section 1, which is no string table"},
	{name: "symbol names in no section", arch: "amd64", do: func(v *victim) { v.set(v.section(".symtab", "sh_link"), 99) },
		want: "the names of the symbols in section .symtab are in section 99 of 16"},
	{name: "a name with escapes in it", arch: "amd64", do: func(v *victim) {
		v.set(v.section(".symtab", "sh_link"), 1)
		copy(v.data[v.is(v.section(".shstrtab", "sh_offset"))+v.is(v.section(".symtab", "sh_name")):], "\x1b[2J\n\x9b!")
	}, want: `the symbols in section \x1b[2J\n\x9b! are in section 1`},

	// Relocations.
	{name: "place outside of all segments", do: func(v *victim) { v.set(v.relocation(".rel.dyn", 3, "r_offset"), 0x7fffffff) },
		want: "relocation 3 of DT_REL has its place at 0x7fffffff, outside the module's 12288 bytes"},
	{name: "place across the end", do: func(v *victim) { v.set(v.relocation(".rel.dyn", 0, "r_offset"), 0x2ffe) },
		want: "relocation 0 of DT_REL (R_386_RELATIVE) at 0x2ffe leaves the module's 12288 bytes"},
	{name: "place outside of its section", arch: "amd64", do: func(v *victim) { v.set(v.relocation(".rela.data", 2, "r_offset"), near64) },
		want: "relocation 2 of section .data has its place at 0xfffffffffffffff0, outside the section's 152 bytes"},
	{name: "place across the end of its section", arch: "amd64", do: func(v *victim) { v.set(v.relocation(".rela.data", 2, "r_offset"), 0x95) },
		want: "at 0x95 leaves the section's 152 bytes"},
	{name: "symbol beyond the chains", do: func(v *victim) { v.set(v.relocation(".rel.dyn", 5, "r_info"), 0xffffff<<8|uint64(elf.R_386_32)) },
		want: "undefined-symbol", report: exitFindings},
	{name: "unknown type", do: func(v *victim) { v.set(v.relocation(".rel.dyn", 5, "r_info"), 250) }, want: "unknown-relocation", report: exitFindings},
	{name: "section to relocate not there", arch: "amd64", do: func(v *victim) { v.set(v.section(".rela.data", "sh_info"), 0x7fffffff) },
		want: "relocation section 4 relocates section 2147483647 of 16"},

	// Sets.
	{name: "set turned around", do: func(v *victim) {
		start, stop := v.symbol(".dynsym", "__start_set_vnet", "st_value"), v.symbol(".dynsym", "__stop_set_vnet", "st_value")
		a, z := v.is(start), v.is(stop)
		v.set(start, z)
		v.set(stop, a)
	}, want: "bogus-set-symbols", report: exitFindings},
	{name: "set outside of the module", do: func(v *victim) {
		v.set(v.symbol(".dynsym", "__start_set_vnet", "st_value"), 0x100000)
		v.set(v.symbol(".dynsym", "__stop_set_vnet", "st_value"), 0x100040)
	}, want: "set_vnet at 0x100000, 64 bytes long, lies outside the module's 12288 bytes"},
	{name: "set beyond the end of the module", do: func(v *victim) { v.set(v.symbol(".dynsym", "__stop_set_vnet", "st_value"), 0x3001) },
		want: "set_vnet at 0x263c, 2501 bytes long, lies outside the module's 12288 bytes"},
	{name: "set of 4 GiB", do: func(v *victim) { v.set(v.symbol(".dynsym", "__stop_set_vnet", "st_value"), near32) },
		want: "set_vnet is 4294957492 bytes long, and the kernel's space for it holds 32768"},
	{name: "set of 200 MiB", arch: "amd64", do: func(v *victim) {
		v.set(v.section("set_vnet", "sh_type"), uint64(elf.SHT_NOBITS))
		v.set(v.section("set_vnet", "sh_size"), 200<<20)
	}, want: "its sets up to set_vnet are 209715200 bytes long, and the kernel's space for it holds 32768"},
}

// TestDamagedModules gives the command modules that are spoiled in one place
// each. Whatever it is, there is one line that says where, or a report.
func TestDamagedModules(t *testing.T) {
	for _, d := range damages {
		t.Run(strings.ReplaceAll(d.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			if d.arch == "" {
				d.arch = "i386"
			}
			v := witness(t, d.arch)
			d.do(v)
			path := filepath.Join(t.TempDir(), "mix.ko")
			v.write(path)
			if d.report == 0 {
				requireRefused(t, path+": ", d.want, "verify", path)
				return
			}
			status, stdout, stderr := invoke(t, "verify", path)
			require.Equal(t, d.report, status, "%s%s", stdout, stderr)
			require.Contains(t, stdout, d.want)
			require.Empty(t, stderr)
		})
	}
}

// TestSpecialFiles gives the command what is no regular file, or cannot be
// read. A pipe that nobody writes to must not make it wait.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, syscall.Mkfifo(at("fifo"), 0o600))
	require.NoError(t, os.Symlink(at("loop2"), at("loop1")))
	require.NoError(t, os.Symlink(at("loop1"), at("loop2")))
	require.NoError(t, os.Symlink(at("nothing"), at("dangling")))
	witness(t, "i386").write(at("closed"))
	require.NoError(t, os.Chmod(at("closed"), 0))
	sparse, err := os.Create(at("sparse"))
	require.NoError(t, err)
	require.NoError(t, sparse.Truncate(1<<40))
	require.NoError(t, sparse.Close())
	for path, want := range map[string]string{
		dir: "not a regular file", at("fifo"): "not a regular file", "/dev/zero": "not a regular file", "/dev/null": "not a regular file",
		at("loop1"): "too many levels of symbolic links", at("dangling"): "no such file or directory", at("absent"): "no such file or directory",
		at("closed"): "permission denied", at("sparse"): "not an ELF file",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if path == at("closed") && os.Geteuid() == 0 {
				t.Skip("nothing is unreadable to root")
			}
			for _, command := range []string{"verify", "trace", "measure"} {
				requireRefused(t, path+": ", want, command, path)
			}
		})
	}
}

// TestSparseFile claims, in a file that takes no space on disk, to hold a
// section of half a terabyte.
func TestSparseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mix.ko")
	v := witness(t, "amd64")
	v.set(v.section(".strtab", "sh_offset"), 1<<30)
	v.set(v.section(".strtab", "sh_size"), 1<<39)
	v.write(path)
	require.NoError(t, os.Truncate(path, 1<<40))
	requireRefused(t, path+": ", "549755813888 bytes long, more than kmodpad reads", "verify", path)
}

// TestManyBadFiles says a line for each, and still reports on the good one.
func TestManyBadFiles(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.ko"), filepath.Join(dir, "bad.ko")
	witness(t, "amd64").write(good)
	require.NoError(t, os.WriteFile(bad, []byte("bad"), 0o600))
	absent := filepath.Join(dir, "absent.ko")
	status, stdout, stderr := invoke(t, "verify", bad, good, absent)
	require.Equal(t, exitUnusable, status)
	require.Equal(t, "padcheck: "+bad+": not an ELF file\npadcheck: "+absent+": no such file or directory\n", stderr)
	require.Contains(t, stdout, good+": ok")
}

// TestUsage refuses command lines that make no sense.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, arch := range []string{"i386", "amd64", "riscv64", "powerpc64"} {
		witness(t, arch).write(at(arch + ".ko"))
	}
	witness(t, "i386").write(at("i386-2.ko"))
	empty := t.TempDir()
	i386, amd64 := at("i386.ko"), at("amd64.ko")
	copied := at("copy.ko")
	require.NoError(t, os.Link(i386, copied))
	require.NoError(t, os.WriteFile(at("symbols"), []byte("this is no list\n"), 0o600))
	for _, c := range []struct {
		name  string
		first string // what the line begins with
		want  string
		args  []string
	}{
		{"no file", "verify: which file?", "padcheck verify -h", []string{"verify"}},
		{"unknown profile", `unknown kernel profile "11.0"`, "kmodpad knows 12.1, 13.0, 14.0, 15.0", []string{"verify", "--profile", "11.0", i386}},
		{"unknown format", `unknown format "yaml"`, "text json sarif junit", []string{"verify", "--format", "yaml", i386}},
		{"unknown format of a trace", `unknown format "sarif"`, "text and json", []string{"trace", "--format", "sarif", i386}},
		{"unknown flag", "unknown flag: --frobnicate", "", []string{"verify", "--frobnicate", i386}},
		{"unknown command", `unknown command "frobnicate"`, "", []string{"frobnicate"}},
		{"unknown rule", "", "frobnicate", []string{"explain", "frobnicate"}},
		{"no address", `invalid argument "here" for "--at"`, "0xc2000000", []string{"trace", "--at", "here", i386}},
		{"one stage 1 output for two", "--kld a.kld belongs to one module, and 2 are given", "", []string{"verify", "--kld", "a.kld", i386, amd64}},
		{"absent stage 1 output", at("none.kld") + ": no such file", "", []string{"verify", "--kld", at("none.kld"), i386}},
		{"stage 1 output of another architecture", amd64 + ": it is for amd64, the module for i386", "", []string{"verify", "--kld", amd64, i386}},
		{"two architectures", amd64 + ": a module for amd64 cannot be loaded into a kernel for i386", "", []string{"verify", "--with", amd64, i386}},
		{"kernel of another architecture", i386 + ": a module for i386, but " + amd64 + " is a kernel for amd64", "", []string{"verify", "--kernel", amd64, i386}},
		{"kernel of the other byte order", at("powerpc64.ko") + ": a module for powerpc64, but ", "is a kernel for riscv64", []string{"verify", "--kernel", at("riscv64.ko"), at("powerpc64.ko")}},
		{"absent kernel", at("none") + ": no such file", "", []string{"verify", "--kernel", at("none"), i386}},
		{"kernel that is a folder", dir + ": is a directory", "", []string{"verify", "--kernel", dir, i386}},
		{"kernel that has no end", "/dev/zero:1: no list of symbols", "", []string{"verify", "--kernel", "/dev/zero", i386}},
		{"kernel that is no list", at("symbols") + ":1: expected NAME ADDRESS", "", []string{"verify", "--kernel", at("symbols"), i386}},
		{"given twice", i386 + ": given twice", "already loaded", []string{"verify", "--with", i386, i386}},
		{"given twice before", copied + ": given twice", "already loaded", []string{"verify", "--with", i386, "--with", copied, at("i386-2.ko")}},
		{"given twice to load", i386 + ": given twice", "already loaded", []string{"load", i386, i386}},
		{"two architectures to load", at("riscv64.ko") + ": a module for riscv64, but " + at("powerpc64.ko") + " is for powerpc64", "", []string{"load", at("powerpc64.ko"), at("riscv64.ko")}},
		{"folder without modules", empty + ": no modules", "", []string{"load", empty}},
		{"kernel of another architecture to load", i386 + ": a module for i386, but ", "is a kernel for amd64", []string{"load", "--kernel", amd64, i386}},
		{"given twice by another name", i386 + ": given twice", "already loaded", []string{"verify", "--with", copied, i386}},
		{"absent module before", at("none.ko") + ": no such file", "", []string{"verify", "--with", at("none.ko"), i386}},
		{"no room for the module", i386 + ": its ", "do not fit in the address space of i386 at 0xfffff000", []string{"trace", "--at", "0xfffff000", i386}},
		{"no room for a space", i386 + ": the vnet space at 0xfffffff0 ends too close", "", []string{"trace", "--vnet-base", "0xfffffff0", i386}},
		{"image without an output", `required flag(s) "output" not set`, "", []string{"image", "--at", "0x20000000", i386}},
		{"image into a folder that is not there", "", "no such file or directory", []string{"image", "--at", "0x20000000", "--profile", "12", "-o", at("none/image"), i386}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := invoke(t, c.args...)
			require.Equal(t, exitUnusable, status, "%s%s", stdout, stderr)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "%s", stderr)
			require.True(t, strings.HasPrefix(stderr, "padcheck: "+c.first), "%s", stderr)
			require.Contains(t, stderr, c.want)
		})
	}
}

// TestNoHalfOutput leaves nothing behind when an image cannot be made.
func TestNoHalfOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "mix.ko")
	v := witness(t, "i386")
	v.set(v.relocation(".rel.dyn", 3, "r_offset"), 0x7fffffff)
	v.write(path)
	requireRefused(t, path+": ", "relocation 3 of DT_REL", "image", "--at", "0x20000000", "-o", filepath.Join(dir, "image"), path)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
