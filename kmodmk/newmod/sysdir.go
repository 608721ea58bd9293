package newmod

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// plainPath are the paths that mean themselves in a makefile and in YAML.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./+-]+$`)

// findSysdir is the absolute path of the sys folder in or at a folder.
func findSysdir(fsys afero.Fs, dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if !plainPath.MatchString(abs) {
		return "", fmt.Errorf("-sysdir %q: make cannot be told of it: only letters, digits and _ . / + - can be in its path", abs)
	}
	for _, candidate := range []string{abs, path.Join(abs, "sys")} {
		if _, err := fsys.Stat(path.Join(candidate, "net", "vnet.h")); err == nil {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("-sysdir %s: no FreeBSD kernel source: there is no net/vnet.h", abs)
}

// machineDirs are the names of the kernel's folders for each machine
// (MACHINE_CPUARCH, or MACHINE where that has one).
var machineDirs = map[elf.Machine]string{
	elf.EM_386: "i386", elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm",
	elf.EM_PPC: "powerpc", elf.EM_PPC64: "powerpc", elf.EM_RISCV: "riscv",
}

// machineLinks are the links by which the kernel's headers find their
// machine's, as FreeBSD's own build makes them in the object folder:
// machine/ARCH/machine and machine/ARCH/x86.
func machineLinks(fsys afero.Fs, sysdir string, archs []string) ([]file, error) {
	var links []file
	for _, name := range archs {
		a, err := arch.ByName(name)
		if err != nil {
			return nil, err
		}
		at := path.Join("machine", a.Name)
		headers := path.Join(sysdir, machineDirs[a.Machine], "include")
		if _, err := fsys.Stat(headers); err != nil {
			return nil, fmt.Errorf("-sysdir %s: it has no headers for %s: %w", sysdir, a, err)
		}
		links = append(links, file{path: path.Join(at, "machine"), link: headers})
		if a.Machine == elf.EM_386 || a.Machine == elf.EM_X86_64 {
			links = append(links, file{path: path.Join(at, "x86"), link: path.Join(sysdir, "x86", "include")})
		}
	}
	return links, nil
}

// symlink makes a link, in place of what is there.
func symlink(fsys afero.Fs, target, name string) error {
	linker, ok := fsys.(afero.Linker)
	if !ok {
		return fmt.Errorf("%s: no symbolic links here, and -sysdir takes some", name)
	}
	if old, err := readlink(fsys, name); err == nil && old == target {
		return nil
	}
	if err := fsys.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return linker.SymlinkIfPossible(target, name)
}

// readlink is where a link leads.
func readlink(fsys afero.Fs, name string) (string, error) {
	reader, ok := fsys.(afero.LinkReader)
	if !ok {
		return "", fs.ErrNotExist
	}
	return reader.ReadlinkIfPossible(name)
}
