package toolchains

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// role is what a program is looked at for. Its value is comparable.
type role interface {
	// identify asks a program what it is: a cheap question.
	identify(ctx context.Context, ask asker, c candidate) identity
	// probe asks it what it can do; an error says why it is of no use.
	probe(ctx context.Context, ask asker, p identity) ([]string, error)
	// add lists it.
	add(t *Toolchains, p identity, abilities []string)
}

// identity is what a program says that it is, or the reason why it is none of
// what we look for.
type identity struct {
	Program
	kind    Kind
	machine string
	reason  error

	role role
	info os.FileInfo
}

func identify(c candidate) identity {
	return identity{Program: Program{Name: c.name, Path: c.path}, role: c.role, info: c.info}
}

// same is what two names of one program have in common.
func (p identity) same() string {
	reason := ""
	if p.reason != nil {
		reason = strings.ReplaceAll(p.reason.Error(), p.Name, "")
	}
	return fmt.Sprint(p.kind, " ", p.Version, " ", p.machine, " ", reason)
}

// asker runs programs with questions.
type asker struct{ patience time.Duration }

// run waits for the answer for as long as patience allows.
func (a asker) run(ctx context.Context, c run.Command) (run.Result, error) {
	limited, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	result, err := run.Run(limited, c)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return result, hung{fmt.Errorf("did not answer %s within %v", strings.Join(c.Args, " "), a.patience)}
	}
	return result, err
}

// text asks with arguments alone and wants an answer on the standard output.
func (a asker) text(ctx context.Context, path string, args ...string) (string, error) {
	result, err := a.run(ctx, run.Command{Path: path, Args: args})
	return strings.TrimSpace(string(result.Stdout)), err
}

// hung is the error of a program that does not answer. It is asked nothing more.
type hung struct{ error }

// firstLine is the part of an answer that goes into a reason.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	if r := []rune(line); len(r) > 80 {
		line = string(r[:80]) + "..."
	}
	return fmt.Sprintf("%q", line)
}
