package toolchains

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Linker is a GNU ld or an ld.lld.
type Linker struct {
	Program
	Kind Kind
	// Emulations are names the linker takes after -m. GNU ld lists all of its
	// own; ld.lld has no list, so there it is the best name of every
	// architecture that it knows.
	Emulations []string
}

// Emulation is the best name (-m) by which the linker knows an architecture. It
// is false when it knows none.
func (l Linker) Emulation(a *arch.Arch) (string, bool) {
	for _, name := range a.Emulations {
		if slices.Contains(l.Emulations, name) {
			return name, true
		}
	}
	return "", false
}

type linkerRole struct{}

func (linkerRole) identify(ctx context.Context, ask asker, c candidate) identity {
	p := identify(c)
	var text string
	if text, p.reason = ask.text(ctx, c.path, "--version"); p.reason != nil {
		return p
	}
	line, _, _ := strings.Cut(text, "\n")
	switch {
	case strings.HasPrefix(line, "GNU ld"):
		p.kind = BFD
	case strings.HasPrefix(line, "LLD ") || strings.Contains(line, " LLD "):
		p.kind = LLD
	}
	if p.Version = parseVersion(line); p.kind == "" || p.Version == "" {
		p.reason = fmt.Errorf("does not say that it is GNU ld or LLD: %s", firstLine(text))
	}
	return p
}

func (linkerRole) probe(ctx context.Context, ask asker, p identity) ([]string, error) {
	emulations := probeLLD
	if p.kind == BFD {
		emulations = askBFD
	}
	names, err := emulations(ctx, ask, p.Path)
	if err != nil {
		return nil, err
	}
	l := Linker{Emulations: names}
	if !slices.ContainsFunc(arch.All, func(a *arch.Arch) bool { _, ok := l.Emulation(a); return ok }) {
		return nil, fmt.Errorf("has no emulation of an architecture that FreeBSD loads modules on (it has: %s)",
			strings.Join(names, " "))
	}
	return names, nil
}

func (linkerRole) add(t *Toolchains, p identity, emulations []string) {
	t.Linkers = append(t.Linkers, Linker{Program: p.Program, Kind: p.kind, Emulations: emulations})
}

// askBFD reads the list that GNU ld prints.
func askBFD(ctx context.Context, ask asker, path string) ([]string, error) {
	text, err := ask.text(ctx, path, "-V")
	if err != nil {
		return nil, err
	}
	_, list, ok := strings.Cut(text, "Supported emulations:")
	if !ok {
		return nil, fmt.Errorf("does not list its emulations for -V: %s", firstLine(text))
	}
	return strings.Fields(list), nil
}

// probeLLD tries the names of every architecture until one is taken.
func probeLLD(ctx context.Context, ask asker, path string) ([]string, error) {
	takes := func(name string) (bool, error) {
		result, err := ask.run(ctx, run.Command{Path: path, Args: []string{"-m", name}})
		switch said := string(result.Stderr); {
		case strings.Contains(said, "unknown emulation"):
			return false, nil
		case strings.Contains(said, "no input files"):
			return true, nil
		case err == nil:
			return false, fmt.Errorf("links nothing at all without complaint (-m %s)", name)
		}
		return false, err
	}
	// Its yes is worth something only if it can say no.
	const absurd = "kmodpad_no_such_emulation"
	if yes, err := takes(absurd); err != nil {
		return nil, err
	} else if yes {
		return nil, fmt.Errorf("takes any emulation, even %s", absurd)
	}
	var names []string
	for _, a := range arch.All {
		for _, name := range a.Emulations {
			yes, err := takes(name)
			if err != nil {
				return nil, err
			}
			if yes {
				names = append(names, name)
				break
			}
		}
	}
	return names, nil
}
