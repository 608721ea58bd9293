package newmod

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/kmodmk/plugin"
)

// Target is the mage target kmod:new: it writes a module to a folder of its
// name in the working folder, with the plugin that its Makefile includes. Flags that are not given are nil. depends is a
// list of modules with commas in between.
func Target(_ context.Context, name string, domain, pcpu, minimal *bool, sysdir, depends *string, force *bool) error {
	opt := Options{
		Name: name, Domain: given(domain), Pcpu: given(pcpu), Minimal: given(minimal),
		Sysdir: given(sysdir), Force: given(force),
	}
	if list := given(depends); list != "" {
		opt.Depends = strings.Split(list, ",")
	}
	paths, err := New(afero.NewOsFs(), name, opt)
	if err != nil {
		return err
	}
	plugins, err := plugin.Generate(afero.NewOsFs(), filepath.Join(name, plugin.DefaultFolder), plugin.Options{Force: opt.Force})
	if err != nil {
		return err
	}
	for _, path := range append(paths, plugins...) {
		fmt.Println(path)
	}
	fmt.Printf("\nbuild and verify it: cd %s && go tool mage kmod\n", name)
	return nil
}

// given is a flag's value, or its type's zero.
func given[T any](flag *T) (value T) {
	if flag != nil {
		value = *flag
	}
	return value
}
