package kmodmk_test

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// TestProperty makes modules at random, compiles them with each compiler that
// is installed, links them with each strategy, and holds that those that
// measure leave no reference outside and no neighbour's inside, and pad nothing
// that has no set.
//
// The modules are the same in every run. KMODPAD_ROUNDS makes more of them than
// the few of a normal run, and KMODPAD_SEED begins with another one: with the
// seed that a failure names, the first modules are those that failed.
func TestProperty(t *testing.T) {
	found, err := toolchains.Find(t.Context(), os.Getenv("PATH"))
	require.NoError(t, err)
	tools := magetarget.Tools(found)
	rounds, seed := number(t, "KMODPAD_ROUNDS", 1), number(t, "KMODPAD_SEED", 230857)
	p := &property{runner: &kmodmk.Runner{Dir: t.TempDir()}}
	p.include, err = filepath.Abs("../testdata/include")
	require.NoError(t, err)

	var jobs errgroup.Group
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	for _, a := range arch.All {
		set := tools[a.Name]
		if len(set.Compilers) == 0 || len(set.Linkers) == 0 || set.Objcopy == "" {
			if os.Getenv("KMODPAD_REQUIRE") == "all" {
				t.Errorf("no compiler, linker or objcopy for %s is installed, but KMODPAD_REQUIRE=all requires it", a)
			}
			t.Logf("no compiler, linker or objcopy for %s is installed", a)
			continue
		}
		// The compilers of i386 are where the bug is; the others have to be
		// right with one each.
		n := 1
		if a.Sentinel {
			n = 2 * len(set.Compilers)
		}
		for i := range n * rounds {
			j := job{arch: a, set: set, seed: seed + i}
			jobs.Go(func() error { return p.try(t.Context(), j) })
		}
	}
	require.NoError(t, jobs.Wait())
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

type property struct {
	runner  *kmodmk.Runner
	include string
}

// job is one module.
type job struct {
	arch *arch.Arch
	set  kmodmk.Toolset
	// seed decides everything else: the source, the compiler, the linkers.
	seed int
}

// try makes one module with one compiler, several linkers and every strategy.
func (p *property) try(ctx context.Context, j job) error {
	random := rand.New(rand.NewPCG(uint64(j.seed), 0))
	m := newModule(random)
	name := fmt.Sprintf("m%d_%s", j.seed, j.arch)
	source := filepath.Join(p.runner.Dir, name+".c")
	if err := os.WriteFile(source, []byte(m.source()), 0o666); err != nil {
		return err
	}
	compiler := j.set.Compilers[j.seed%len(j.set.Compilers)]
	flags := []string{"-w", []string{"-O1", "-O2", "-Os", "-O0"}[random.IntN(4)]}
	if j.arch.Sentinel {
		flags = append(flags, []string{"-march=i486", "-march=i686", "-march=pentium4"}[random.IntN(3)])
	}
	module := &kmodmk.Module{Name: name, Sources: []string{source}, Settings: kmodmk.Settings{
		Includes: []string{p.include}, CFlags: flags, Exports: &kmodmk.Exports{Names: []string{"run"}},
	}}
	const linkers = 3 // of each module; all have their turn
	for i := range linkers {
		l := j.set.Linkers[(j.seed*linkers+i)%len(j.set.Linkers)]
		for _, s := range ldscripts.Strategies {
			if s.For(j.arch) != s || !s.Measures() && i != j.seed%linkers {
				continue // those that are fixed need no proof
			}
			target := kmodmk.Target{Module: module, Arch: j.arch, Compiler: &compiler, Linker: l, Objcopy: j.set.Objcopy, Strategy: s, Out: "out"}
			if err := p.hold(ctx, m, target); err != nil {
				return fmt.Errorf("%s, %s %s, %s, %s, KMODPAD_SEED=%d: %w\n\n%s", j.arch, compiler.Name, strings.Join(flags, " "), l.Name, s, j.seed, err, m.source())
			}
		}
	}
	return nil
}

// hold makes a module and says what of it is not as it must be.
func (p *property) hold(ctx context.Context, m *cModule, t kmodmk.Target) error {
	made, err := p.runner.Make(ctx, t, func(ctx context.Context, ko, kld string) (*padcheck.Module, error) {
		report, err := padcheck.Verify(ctx, []string{ko}, padcheck.Options{KLD: kld})
		if err != nil {
			return nil, err
		}
		return report.Modules[0], nil
	})
	switch {
	case err != nil && t.Strategy == ldscripts.SizedSymbol && t.Linker.Kind == "ld.bfd" && len(m.sets) < 2:
		return nil // see TestSizedSymbol
	case err != nil:
		return err
	case !t.Strategy.Measures():
		return nil
	case made.Refused != nil:
		return made.Refused
	}
	for _, f := range made.Report.Findings {
		if f.Severity == padcheck.Error {
			return fmt.Errorf("%s: %s", f.Rule, f.Message)
		}
	}
	if len(made.Report.Sets) != len(m.sets) {
		return fmt.Errorf("the module has %d sets and should have %d", len(made.Report.Sets), len(m.sets))
	}
	for _, s := range made.Report.Sets {
		if t.Arch.Sentinel && !s.Sentinel {
			return fmt.Errorf("%s has no sentinel", s.Name)
		}
	}
	if t.Arch.Name == "i386" {
		return witness(filepath.Join(p.runner.Dir, made.Plan.KLD), filepath.Join(p.runner.Dir, made.Plan.KO))
	}
	return nil
}

// witness counts the references of an i386 module again, with another reader of
// ELF files than the verifier's: each that names a set in the output of stage 1
// lies inside, and as many relocations of the module lie in the set.
func witness(kldName, koName string) error {
	kld, err := elf.Open(kldName)
	if err != nil {
		return err
	}
	defer kld.Close()
	ko, err := elf.Open(koName)
	if err != nil {
		return err
	}
	defer ko.Close()

	named := make(map[string]int)
	symbols, err := kld.Symbols()
	if err != nil {
		return err
	}
	for _, table := range kld.Sections {
		if table.Type != elf.SHT_REL || kld.Sections[table.Info].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		err := eachRel(kld, table, kld.Sections[table.Info], 0, func(info, word uint32) error {
			if elf.R_386(info&0xff) != elf.R_386_32 {
				return nil
			}
			symbol := symbols[info>>8-1]
			if symbol.Section == elf.SHN_UNDEF || symbol.Section >= elf.SHN_LORESERVE {
				return nil
			}
			to := kld.Sections[symbol.Section]
			if to.Name != "set_vnet" && to.Name != "set_pcpu" {
				return nil
			}
			named[to.Name]++
			if at := int32(uint32(symbol.Value) + word); at < 0 || uint64(at) >= to.Size {
				return fmt.Errorf("%s: a reference to %s%+d, which has %d bytes", kldName, to.Name, at, to.Size)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}

	inside := make(map[string]int)
	for _, table := range ko.Sections {
		if table.Type != elf.SHT_REL {
			continue
		}
		for _, place := range ko.Sections {
			if place.Flags&elf.SHF_ALLOC == 0 || place.Type != elf.SHT_PROGBITS || place.Size == 0 {
				continue
			}
			err := eachRel(ko, table, place, place.Addr, func(info, word uint32) error {
				if elf.R_386(info&0xff) != elf.R_386_RELATIVE {
					return nil
				}
				for _, name := range ldscripts.Sets {
					if s := ko.Section(name); s != nil && uint64(word) >= s.Addr && uint64(word) < s.Addr+s.Size {
						inside[name]++
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	for _, name := range ldscripts.Sets {
		if named[name] != inside[name] {
			return fmt.Errorf("%s: %d references name %s, but %d of the module land there", koName, named[name], name, inside[name])
		}
	}
	return nil
}

// eachRel calls fn for those relocations of a table whose place lies in a
// section that begins at base, with the word at that place.
func eachRel(f *elf.File, table, section *elf.Section, base uint64, fn func(info, word uint32) error) error {
	entries, err := table.Data()
	if err != nil {
		return err
	}
	data, err := section.Data()
	if err != nil {
		return err
	}
	for ; len(entries) >= 8; entries = entries[8:] {
		offset := uint64(binary.LittleEndian.Uint32(entries)) - base
		if offset >= uint64(len(data)) || len(data) < 4 {
			continue
		}
		if err := fn(binary.LittleEndian.Uint32(entries[4:]), binary.LittleEndian.Uint32(data[offset:])); err != nil {
			return err
		}
	}
	return nil
}
