//go:build mage

package main

import (
	"context"
	"os"

	"github.com/kmodpad/kmodpad/kmodmk/develop"
	//mage:import
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/toolchains"
	//mage:import
	_ "github.com/kmodpad/kmodpad/toolchains/matrix/matrixtarget"
)

// Aliases are the short names of targets.
var Aliases = map[string]any{"kmod": magetarget.Kmod.Build}

// Setup installs the compilers and linkers that are missing, with the system's package manager.
func Setup(ctx context.Context) error { return toolchains.Setup(ctx, os.Stdout) }

// Generate writes the files that are rendered from templates again.
func Generate(ctx context.Context) error { return develop.Generate(ctx) }

// Test runs all tests.
func Test(ctx context.Context) error { return develop.Test(ctx) }

// Repro shows the bug and its cure side by side, on i386 or the architecture given with -arch.
func Repro(ctx context.Context, arch *string) error { return develop.Repro(ctx, os.Stdout, arch) }

// Bench measures what the verifier and the padding cost, and fails when a budget is missed.
func Bench(ctx context.Context) error { return develop.Bench(ctx) }

// Fuzz runs every fuzz target for FUZZTIME, 30 seconds if that is not set.
func Fuzz(ctx context.Context) error { return develop.Fuzz(ctx) }

// Lint checks format, vets, and builds for FreeBSD and Linux on amd64 and arm64.
func Lint(ctx context.Context) error { return develop.Lint(ctx) }

// Clean removes what was built.
func Clean(ctx context.Context) error { return develop.Clean(ctx) }
