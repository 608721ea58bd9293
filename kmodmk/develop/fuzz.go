package develop

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fuzz runs every fuzz target of the tree, one after the other, each for the
// time that FUZZTIME gives (30s when it is not set).
func Fuzz(ctx context.Context) error {
	targets, err := fuzzTargets(".")
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := fuzz(ctx, t, cmp.Or(os.Getenv("FUZZTIME"), "30s")); err != nil {
			return err
		}
	}
	return nil
}

// fuzz runs one target. The go command sometimes takes the end of the time for
// a failure (it says "context deadline exceeded" and names no input); that is
// said, and is none.
func fuzz(ctx context.Context, t fuzzTarget, length string) error {
	args := []string{"test", "-run=^$", "-fuzz=^" + t.name + "$", "-fuzztime=" + length, "-fuzzminimizetime=20x", "./" + t.dir}
	fmt.Println("go " + strings.Join(args, " "))
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &said), os.Stderr
	err := cmd.Run()
	if err != nil && bytes.Contains(said.Bytes(), []byte("context deadline exceeded")) && !bytes.Contains(said.Bytes(), []byte("Failing input")) {
		fmt.Println("the time was over; no input failed")
		return nil
	}
	if err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// fuzzTarget is a fuzz function and the folder of its package.
type fuzzTarget struct{ dir, name string }

// fuzzTargets finds the fuzz functions below root, in the order of their files.
func fuzzTargets(root string) ([]fuzzTarget, error) {
	var targets []fuzzTarget
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if base := d.Name(); name != root && (base[0] == '.' || base[0] == '_') {
				return fs.SkipDir // as the go command does
			}
			return nil
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("looking for fuzz targets: %w", err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				dir, err := filepath.Rel(root, filepath.Dir(name))
				if err != nil {
					return err
				}
				targets = append(targets, fuzzTarget{filepath.ToSlash(dir), f.Name.Name})
			}
		}
		return nil
	})
	return targets, err
}
