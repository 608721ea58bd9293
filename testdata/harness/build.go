package harness

import (
	"cmp"
	"context"
	"debug/elf"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/testdata"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

//go:embed kernel
var sources embed.FS

// moduleBase is where modules are mapped: far from the program, wherever a
// linker puts that, and from the instances, and on amd64 within reach of a 32
// bit signed relocation.
const moduleBase = 0x20000000

// MissingError says which tool the harness has no use without.
type MissingError struct{ Tool string }

func (e *MissingError) Error() string { return e.Tool + " is not installed" }

// Kernel is the program that plays the kernel on one architecture.
type Kernel struct {
	Arch *arch.Arch
	// Path is the program, an ELF file with all its symbols.
	Path string

	vnet, pcpu span     // modspace of either set
	emulator   []string // command that runs the program; empty on its own architecture
}

// span is a piece of memory.
type span struct{ start, size uint64 }

// contains says whether size bytes at addr lie in the span.
func (s span) contains(addr, size uint64) bool {
	return addr >= s.start && addr-s.start <= s.size && size <= s.size-(addr-s.start)
}

// Build compiles and links the kernel for an architecture into a folder, with
// the newest clang and ld.lld that can, or else with gcc and GNU ld. It is
// compiled as modules are, since it shares the meaning of a register or two with
// them. The error is a [MissingError] where a tool is not installed.
func Build(ctx context.Context, dir string, a *arch.Arch, tools *toolchains.Toolchains) (*Kernel, error) {
	dir, err := filepath.Abs(dir) // the program runs elsewhere
	if err != nil {
		return nil, err
	}
	k := &Kernel{Arch: a, Path: filepath.Join(dir, "kernel-"+a.Name)}
	if !native(a) {
		qemu, ok := tools.QEMU(a)
		if !ok {
			return nil, &MissingError{cmp.Or(a.QEMU, "an emulator for "+a.Name)}
		}
		k.emulator = []string{qemu}
	}
	source := k.Path + ".source"
	for _, tree := range []fs.FS{sources, testdata.Include} {
		if err := extract(source, tree); err != nil {
			return nil, err
		}
	}
	if err := k.compile(ctx, source, tools); err != nil {
		return nil, fmt.Errorf("the harness's kernel for %s: %w", a, err)
	}
	return k, k.findSpaces()
}

func (k *Kernel) compile(ctx context.Context, source string, tools *toolchains.Toolchains) error {
	compilers, linkers := tools.CompilersFor(k.Arch), tools.LinkersFor(k.Arch)
	if len(compilers) == 0 {
		return &MissingError{"a compiler for " + k.Arch.Name}
	}
	if len(linkers) == 0 {
		return &MissingError{"a linker for " + k.Arch.Name}
	}
	// Both lists begin with LLVM's, oldest first.
	cc, ld := compilers[0], linkers[0]
	for _, c := range compilers {
		if c.Kind == cc.Kind {
			cc = c
		}
	}
	for _, l := range linkers {
		if l.Kind == ld.Kind {
			ld = l
		}
	}
	flags, _ := cc.Flags(k.Arch)
	object := k.Path + ".o"
	_, err := run.Run(ctx, run.Command{Path: cc.Path, Args: slices.Concat(flags, []string{
		"-O1", "-ffreestanding", "-nostdinc", "-fno-strict-aliasing", "-fno-stack-protector", "-Wall", "-Wextra",
		"-I", filepath.Join(source, "include"), "-o", object, "-c", filepath.Join(source, "kernel", "kernel.c"),
	})})
	if err != nil {
		return err
	}
	emulation, _ := ld.Emulation(k.Arch)
	_, err = run.Run(ctx, run.Command{Path: ld.Path, Args: []string{"-m", emulation, "-static", "-o", k.Path, object}})
	return err
}

// findSpaces reads from the program where its modspaces are.
func (k *Kernel) findSpaces() error {
	f, err := elf.Open(k.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return fmt.Errorf("%s: %w", k.Path, err)
	}
	for name, to := range map[string]*span{"vnet_entry_modspace": &k.vnet, "pcpu_entry_modspace": &k.pcpu} {
		i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
		if i < 0 {
			return fmt.Errorf("%s: no symbol %s", k.Path, name)
		}
		*to = span{symbols[i].Value, symbols[i].Size}
	}
	return nil
}

// Options are those of a padcheck session that loads modules into this kernel:
// the program's symbols, the address that modules go to, and the program's
// spaces for their sets.
func (k *Kernel) Options() padcheck.Options {
	return padcheck.Options{
		Kernel: k.Path,
		At:     loader.Addresses{Module: moduleBase, Vnet: k.vnet.start, Pcpu: k.pcpu.start},
	}
}

// native says whether programs of an architecture run on this machine as they
// are. The answer is in the header of the program that asks. The kernel counts
// on pages of 4096 bytes, which emulators have on any host.
func native(a *arch.Arch) bool {
	self, err := os.Executable()
	if err != nil || runtime.GOOS != "linux" || os.Getpagesize() != 4096 {
		return false
	}
	f, err := elf.Open(self)
	if err != nil {
		return false
	}
	defer f.Close()
	return arch.ByELF(f.Machine, f.Class, f.ByteOrder) == a
}

// extract writes a tree of files to a folder.
func extract(dir string, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(path))
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}
