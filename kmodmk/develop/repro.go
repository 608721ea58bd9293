package develop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/testdata/harness"
	"github.com/kmodpad/kmodpad/toolchains"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// reproSample is a sample that refers to the byte after set_vnet: on i386
// the shape of carp(4), elsewhere the one that every compiler emits.
func reproSample(a *arch.Arch) string {
	if a.Sentinel {
		return "vnet_end"
	}
	return "end_data"
}

// reproProfile is a kernel that loads modules without padding, so that the bug
// can be seen at all: later ones refuse them on i386.
const reproProfile = "12.1"

// side is one of the two columns: the sample linked with one strategy.
type side struct {
	row     *kmodmk.Row
	report  *padcheck.Module
	kernel  *loader.Kernel
	module  *loader.Module
	outcome *harness.Outcome
}

// Repro shows the bug and the cure side by side: one sample without padding
// and with it, what the kernel makes of each, and, where a compiler and an
// emulator are installed, what each then does.
// The architecture is i386 unless one is named.
func Repro(ctx context.Context, out io.Writer, archName *string) error {
	name := "i386"
	if archName != nil {
		name = *archName
	}
	a, err := arch.ByName(name)
	if err != nil {
		return err
	}
	tools, err := toolchains.Find(ctx, os.Getenv("PATH"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kmodpad-repro-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before, err := reproLink(ctx, a, tools, dir, ldscripts.None)
	if err != nil {
		return err
	}
	after, err := reproLink(ctx, a, tools, dir, ldscripts.Constraint)
	if err != nil {
		return err
	}
	kernel, err := harness.Build(ctx, dir, a, tools)
	var missing *harness.MissingError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	opt := padcheck.Options{}
	if missing == nil {
		opt = kernel.Options()
	}
	opt.Profile = reproProfile
	for _, s := range []*side{before, after} {
		if err := s.load(opt); err != nil {
			return err
		}
		if missing != nil {
			continue
		}
		entry, ok := s.module.Find(reproSample(a) + "_run")
		if !ok {
			return fmt.Errorf("%s: it exports no %s_run", s.module.File.Path, reproSample(a))
		}
		if s.outcome, err = kernel.Run(ctx, []*loader.Module{s.module}, []harness.Call{{Address: entry}}); err != nil {
			return err
		}
	}
	if err := reproPrint(out, a, before, after); err != nil {
		return err
	}
	if missing != nil {
		fmt.Fprintf(out, "\nnot executed: %v\n", missing)
	}
	return nil
}

// reproLink makes the sample with one strategy and the first linker there is.
func reproLink(ctx context.Context, a *arch.Arch, tools *toolchains.Toolchains, dir string, s ldscripts.Strategy) (*side, error) {
	config, err := kmodmk.Load(afero.NewOsFs(), kmodmk.ConfigName)
	if err != nil {
		return nil, err
	}
	for _, m := range config.Modules {
		if m.Name != reproSample(a) {
			continue
		}
		m.Archs, m.Strategy = []string{a.Name}, string(s)
		config.Modules = []*kmodmk.Module{m}
		set := magetarget.Tools(tools)
		ts := set[a.Name]
		if len(ts.Linkers) > 0 {
			ts.Linkers = ts.Linkers[len(ts.Linkers)-1:]
		}
		set[a.Name] = ts
		result, err := kmodmk.Build(ctx, config, set, kmodmk.Options{Out: dir, Verify: reproVerify})
		if err != nil {
			return nil, err
		}
		row := result.Rows[0]
		if row.Err != nil {
			return nil, row.Err
		}
		return &side{row: row}, nil
	}
	return nil, fmt.Errorf("%s has no module %s; run this in kmodpad's own tree", kmodmk.ConfigName, reproSample(a))
}

func reproVerify(ctx context.Context, ko, kld string) (*padcheck.Module, error) {
	s, err := padcheck.NewSession(padcheck.Options{Profile: reproProfile, KLD: kld})
	if err != nil {
		return nil, err
	}
	return s.VerifyFile(ko)
}

// load loads the module, and verifies it where it was loaded.
func (s *side) load(opt padcheck.Options) error {
	opt.KLD = s.row.Plan.KLD
	if s.row.Plan.KLD == s.row.Plan.KO {
		opt.KLD = padcheck.NoKLD
	}
	session, err := padcheck.NewSession(opt)
	if err != nil {
		return err
	}
	f, err := object.Open(s.row.Plan.KO)
	if err != nil {
		return err
	}
	if s.kernel, err = session.Boot(f); err != nil {
		return err
	}
	if s.module, err = session.Load(s.kernel, f); err != nil {
		return err
	}
	s.report, err = session.Check(s.kernel, s.module)
	return err
}

// reproPrint prints the two sides, a line for each question.
func reproPrint(out io.Writer, a *arch.Arch, before, after *side) error {
	fmt.Fprintf(out, "%s on %s, made by %s and %s, as FreeBSD %s loads it\n\n", before.row.Module, a, before.row.Compiler, before.row.Linker, reproProfile)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	line := func(label string, tell func(*side) string) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", label, tell(before), tell(after))
	}
	padded := fmt.Sprintf("padded (%s)", after.row.Strategy)
	if after.row.Strategy == string(ldscripts.None) {
		padded = "with nothing to pad"
	}
	fmt.Fprintf(w, "\tas linkers do it\t%s\n", padded)
	line("set_vnet in the file", func(s *side) string {
		for _, set := range s.report.Sets {
			if set.Name == loader.SetVnet {
				return fmt.Sprintf("%v to %v, %d B of padding", set.Start, set.Stop, set.PaddingAfter)
			}
		}
		return "none"
	})
	where := ""
	for _, f := range before.report.Findings {
		if f.Rule == padcheck.RuleBoundaryReference {
			where = f.Where
		}
	}
	line("the last array's end", func(s *side) string { return s.end(where, refTarget) })
	line("the kernel makes it", func(s *side) string { return s.end(where, refWritten) })
	line("it should be", func(s *side) string { return s.end(where, refWanted) })
	line("verdict", func(s *side) string {
		verdict := string(s.report.Verdict)
		for _, f := range s.report.Findings {
			if f.Severity == padcheck.Error {
				return verdict + ": " + f.Rule
			}
		}
		return verdict
	})
	if before.outcome != nil {
		line("executed, it writes", func(s *side) string { return s.writes() })
	}
	return w.Flush()
}

// What end tells of the reference.
const (
	refTarget = iota
	refWritten
	refWanted
)

// end tells something of the reference to the end of the array, which stands at
// the same place of the same function on both sides.
func (s *side) end(where string, what int) string {
	set := s.module.Set(loader.SetVnet)
	if set == nil || where == "" {
		return "-"
	}
	for _, l := range padcheck.Trace(s.kernel, s.module) {
		if padcheck.Where(s.module, uint64(l.Place)) != where {
			continue
		}
		offset := uint64(l.Loaded) - set.Start
		switch what {
		case refTarget:
			return fmt.Sprintf("%v, %s", padcheck.Addr(uint64(l.Loaded)-s.module.Address), inside(offset, set.Size()))
		case refWritten:
			return l.After.String()
		default:
			return padcheck.Addr(set.Base + offset).String()
		}
	}
	return "-"
}

func inside(offset, size uint64) string {
	if offset < size {
		return "inside the set"
	}
	return "not inside the set"
}

// writes says where the words that the module wrote are.
func (s *side) writes() string {
	var parts []string
	counts := map[string]int{}
	var order []string
	for _, w := range s.outcome.Writes {
		if counts[w.Area] == 0 {
			order = append(order, w.Area)
		}
		counts[w.Area]++
	}
	for _, area := range order {
		name := area
		switch area {
		case harness.Vnet0:
			name = "its own network stack"
		case harness.Vnet1:
			name = "another network stack"
		case harness.Wild:
			name = "memory that is not there"
		}
		words := "words"
		if counts[area] == 1 {
			words = "word"
		}
		parts = append(parts, fmt.Sprintf("%d %s to %s", counts[area], words, name))
	}
	if f := s.outcome.Fault(); f != nil {
		parts = append(parts, fmt.Sprintf("a fault at %v", padcheck.Addr(*f)))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
