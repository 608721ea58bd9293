package toolchains

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Compiler is a clang or a gcc.
type Compiler struct {
	Program
	Kind Kind
	// Machine is the triple a compiler works for by default (-dumpmachine).
	Machine string
	// Targets are the names of the architectures it was seen to compile kernel
	// modules for.
	Targets []string
}

// Flags are the flags that make the compiler compile kernel modules for an
// architecture. It is false when the compiler cannot.
func (c Compiler) Flags(a *arch.Arch) ([]string, bool) {
	if !slices.Contains(c.Targets, a.Name) {
		return nil, false
	}
	return compileFlags(c.Kind, a), true
}

func compileFlags(kind Kind, a *arch.Arch) []string {
	if kind == Clang {
		return slices.Concat([]string{"--target=" + a.Target}, a.CFlags, a.ClangCFlags)
	}
	return slices.Concat(a.CFlags, a.GCCCFlags)
}

type clangRole struct{}

func (clangRole) identify(ctx context.Context, ask asker, c candidate) identity {
	p := identify(c)
	p.kind = Clang
	var text string
	if text, p.reason = ask.text(ctx, c.path, "--version"); p.reason != nil {
		return p
	}
	if p.Version = parseVersion(text); p.Version == "" || !strings.Contains(text, "clang version") {
		p.reason = fmt.Errorf("does not say that it is clang: %s", firstLine(text))
		return p
	}
	for line := range strings.Lines(text) {
		if triple, ok := strings.CutPrefix(line, "Target: "); ok {
			p.machine = strings.TrimSpace(triple)
		}
	}
	return p
}

func (clangRole) probe(ctx context.Context, ask asker, p identity) ([]string, error) {
	return compileAll(ctx, ask, p, arch.All)
}

func (clangRole) add(t *Toolchains, p identity, targets []string) { addCompiler(t, p, targets) }

type gccRole struct{}

func (gccRole) identify(ctx context.Context, ask asker, c candidate) identity {
	p := identify(c)
	p.kind = GCC
	text, err := ask.text(ctx, c.path, "--version")
	if err == nil && !strings.Contains(text, "Free Software Foundation") {
		err = fmt.Errorf("does not say that it is GCC: %s", firstLine(text)) // some systems call clang so
	}
	if err == nil {
		// Each gcc knows one of the two and takes it as the last word.
		p.Version, err = ask.text(ctx, c.path, "-dumpfullversion", "-dumpversion")
	}
	if err == nil && (p.Version == "" || !isDigit(p.Version[0])) {
		err = fmt.Errorf("does not tell its version: %s", firstLine(p.Version))
	}
	if err == nil {
		p.machine, err = ask.text(ctx, c.path, "-dumpmachine")
	}
	p.reason = err
	return p
}

func (gccRole) probe(ctx context.Context, ask asker, p identity) ([]string, error) {
	// A gcc serves one family of machines. Which, shows in the object it makes
	// by default, or else in its name: a gcc for x86_64 serves i386 too.
	object, err := compile(ctx, ask, p.Path, nil)
	if err != nil {
		return nil, err
	}
	cpu, _, _ := strings.Cut(p.machine, "-")
	likely := slices.DeleteFunc(slices.Clone(arch.All), func(a *arch.Arch) bool {
		return a.Machine != object.Machine && !slices.ContainsFunc(a.GNUPrefixes, func(prefix string) bool {
			return strings.HasPrefix(prefix, cpu+"-")
		})
	})
	return compileAll(ctx, ask, p, likely)
}

func (gccRole) add(t *Toolchains, p identity, targets []string) { addCompiler(t, p, targets) }

func addCompiler(t *Toolchains, p identity, targets []string) {
	t.Compilers = append(t.Compilers, Compiler{Program: p.Program, Kind: p.kind, Machine: p.machine, Targets: targets})
}

// compileAll lists the architectures a compiler makes objects for, when it is
// given the flags of each. It fails when there are none.
func compileAll(ctx context.Context, ask asker, p identity, archs []*arch.Arch) ([]string, error) {
	var targets []string
	reason := fmt.Errorf("compiles for no architecture that FreeBSD loads modules on (%s)", p.machine)
	for _, a := range archs {
		object, err := compile(ctx, ask, p.Path, compileFlags(p.kind, a))
		if err == nil && (object.Machine != a.Machine || object.Class != a.Class || object.ByteOrder != a.Order) {
			err = fmt.Errorf("makes objects for %v when asked for %s", object.Machine, a)
		}
		if errors.As(err, new(hung)) {
			return nil, err
		}
		if err == nil {
			targets = append(targets, a.Name)
		} else if len(targets) == 0 {
			reason = fmt.Errorf("compiles for no architecture that FreeBSD loads modules on, for instance %s: %w", a, err)
		}
	}
	if targets == nil {
		return nil, reason
	}
	return targets, nil
}

// compile compiles a line of C and returns the header of the object.
func compile(ctx context.Context, ask asker, path string, flags []string) (elf.FileHeader, error) {
	dir, err := os.MkdirTemp("", "kmodpad-probe-")
	if err != nil {
		return elf.FileHeader{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	output := filepath.Join(dir, "probe.o")
	_, err = ask.run(ctx, run.Command{
		Path: path, Dir: dir, Stdin: []byte("int probe(int *p) { return *p; }\n"),
		Args: append(slices.Clone(flags), "-x", "c", "-c", "-o", output, "-"),
	})
	if err != nil {
		return elf.FileHeader{}, err
	}
	return readHeader(output)
}

// readHeader reads the header of an ELF file.
func readHeader(path string) (elf.FileHeader, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return elf.FileHeader{}, fmt.Errorf("says that all is well and writes no object: %w", err)
	}
	object, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return elf.FileHeader{}, fmt.Errorf("makes objects that are not ELF: %w", err)
	}
	return object.FileHeader, nil
}
