// Package develop holds what the developers of kmodpad itself do with their
// tree: test, fuzz and lint it, and write its generated files again. The
// targets of the magefile call it, from the root of the tree.
package develop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/plugin"
	"github.com/kmodpad/kmodpad/ldscripts"
)

// Generate writes every generated file of the tree and says which it changed.
func Generate(context.Context) error {
	fsys := afero.NewOsFs()
	scripts, err := ldscripts.Generate(fsys, "ldscripts")
	if err != nil {
		return err
	}
	plugins, err := plugin.Generate(fsys, "kmodmk/plugin/files", plugin.Options{Force: true})
	for _, name := range append(scripts, plugins...) {
		fmt.Println("wrote", name)
	}
	return err
}

// packages are all of them: ./... passes over folders called testdata.
var packages = []string{"./...", "./testdata", "./testdata/harness"}

// Test runs all tests, with the environment handed through.
func Test(ctx context.Context) error {
	return goTool(ctx, nil, append([]string{"test"}, packages...)...)
}

// Lint checks format, vets, and builds for every system that users have.
func Lint(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "gofmt", "-l", ".").CombinedOutput()
	if err != nil {
		return fmt.Errorf("gofmt: %w: %s", err, bytes.TrimSpace(out))
	}
	if len(out) > 0 {
		return fmt.Errorf("gofmt would change %s: run gofmt -w", strings.Join(strings.Fields(string(out)), ", "))
	}
	if err := goTool(ctx, nil, "vet", "-tags=mage", "."); err != nil {
		return err
	}
	for _, system := range []string{"freebsd", "linux"} {
		for _, machine := range []string{"amd64", "arm64"} {
			env := []string{"GOOS=" + system, "GOARCH=" + machine, "CGO_ENABLED=0"}
			if err := errors.Join(goTool(ctx, env, append([]string{"vet"}, packages...)...), goTool(ctx, env, "build", "./...")); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clean removes what kmod built; what it was built from stays.
func Clean(context.Context) error { return os.RemoveAll(kmodmk.DefaultOut) }

// goTool runs the go command and shows what it says.
func goTool(ctx context.Context, env []string, args ...string) error {
	fmt.Println(strings.Join(append(env, append([]string{"go"}, args...)...), " "))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
