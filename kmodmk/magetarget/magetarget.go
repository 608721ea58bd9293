// Package magetarget holds mage targets that build kernel modules as kmod.yaml
// says. A project with a magefile of its own gets them by
//
//	//mage:import github.com/kmodpad/kmodpad/kmodmk/magetarget
//
// They read kmod.yaml in the working folder, or the file that the environment
// variable KMOD_CONFIG names. Exit status 1 tells that some module is not as it
// should be, 2 that something could not be read, built or verified.
package magetarget

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/magefile/mage/mg"
	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/newmod"
	"github.com/kmodpad/kmodpad/kmodmk/plugin"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/toolchains"
)

// Kmod is the namespace of the targets that make kernel modules.
type Kmod mg.Namespace

// Build builds, pads and verifies every module of kmod.yaml and prints a table.
// With -max=BYTES a side of a set gets no more padding than that, whatever
// kmod.yaml says.
func (Kmod) Build(ctx context.Context, max *int) error {
	opt := kmodmk.Options{Verify: verify}
	if max != nil {
		if *max < ldscripts.SentinelSize {
			return unusable(fmt.Errorf("-max=%d: padding takes %d bytes at least", *max, ldscripts.SentinelSize))
		}
		opt.Max = uint64(*max)
	}
	config, tools, err := load(ctx)
	if err != nil {
		return unusable(err)
	}
	result, err := kmodmk.Build(ctx, config, tools, opt)
	if err != nil {
		return unusable(err)
	}
	return report(result)
}

// Verify verifies the modules of kmod.yaml that kmod:build made, and builds nothing.
func (Kmod) Verify(ctx context.Context) error {
	config, tools, err := load(ctx)
	if err != nil {
		return unusable(err)
	}
	result, err := kmodmk.Verify(ctx, config, tools, kmodmk.Options{Verify: verify})
	if err != nil {
		return unusable(err)
	}
	return report(result)
}

// Plan prints what kmod:build would do as lines for a POSIX shell.
func (Kmod) Plan(ctx context.Context) error {
	config, tools, err := load(ctx)
	if err != nil {
		return unusable(err)
	}
	text, err := kmodmk.Shell(config, tools, kmodmk.DefaultOut)
	if err != nil {
		return unusable(err)
	}
	_, err = fmt.Print(text)
	return err
}

// New writes a virtualised module NAME to a folder of that name, which builds and verifies at once.
func (Kmod) New(ctx context.Context, name string, domain, pcpu, minimal *bool, sysdir, depends *string, force *bool) error {
	if err := newmod.Target(ctx, name, domain, pcpu, minimal, sysdir, depends, force); err != nil {
		return unusable(err)
	}
	return nil
}

// Plugin writes the plugins for make and CMake to the folder given with -dir.
func (Kmod) Plugin(ctx context.Context, dir *string, force *bool) error {
	if err := plugin.Plugin(ctx, os.Stdout, dir, force); err != nil {
		return unusable(err)
	}
	return nil
}

// load reads the configuration and looks for tools.
func load(ctx context.Context) (*kmodmk.Config, kmodmk.Tools, error) {
	path := os.Getenv("KMOD_CONFIG")
	if path == "" {
		path = kmodmk.ConfigName
	}
	config, err := kmodmk.Load(afero.NewOsFs(), path)
	if err != nil {
		return nil, nil, err
	}
	found, err := toolchains.Find(ctx, os.Getenv("PATH"))
	if err != nil {
		return nil, nil, err
	}
	return config, Tools(found), nil
}

// verify judges one module with the verifier.
func verify(ctx context.Context, ko, kld string) (*padcheck.Module, error) {
	report, err := padcheck.Verify(ctx, []string{ko}, padcheck.Options{KLD: kld})
	if err != nil {
		return nil, err
	}
	if report == nil || len(report.Modules) != 1 {
		return nil, fmt.Errorf("%s: the verifier gave no report", ko)
	}
	return report.Modules[0], nil
}

// report prints the table and makes the exit status of the verdict.
func report(result *kmodmk.Result) error {
	if err := result.Print(os.Stdout, kmodmk.Colour(os.Stdout)); err != nil {
		return err
	}
	err := result.Err()
	if errors.Is(err, kmodmk.ErrUnusable) {
		return unusable(err)
	}
	if err != nil {
		return mg.Fatal(1, err)
	}
	return nil
}

func unusable(err error) error { return mg.Fatal(2, err) }
