package kmodmk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

var (
	moduleName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	symbolName = regexp.MustCompile(`^[A-Za-z_.$][A-Za-z0-9_.$]*$`)
	ruleName   = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
)

// check holds a configuration to its rules, before the settings of the top
// are handed down, so that errors name the line that is wrong.
func check(fsys afero.Fs, c *Config, at lines) error {
	if len(c.Modules) == 0 {
		return fmt.Errorf("%s: names no modules: list them under modules:", c.Path)
	}
	if err := checkSettings(c.Settings, "", at); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i, m := range c.Modules {
		place := fmt.Sprintf("modules[%d]", i)
		if m == nil || m.Name == "" {
			return at.errorf(place, "a module needs a name")
		}
		if !moduleName.MatchString(m.Name) {
			return at.errorf(place+".name", "module name %q: only letters, digits, _ . and - can be in it, and neither . nor - come first", m.Name)
		}
		// Some file systems take X.ko and x.ko for one file.
		if key := strings.ToLower(m.Name); seen[key] {
			return at.errorf(place+".name", "there is another module %q", m.Name)
		} else {
			seen[key] = true
		}
		if err := checkModule(fsys, c, m, place, at); err != nil {
			return err
		}
	}
	return nil
}

func checkModule(fsys afero.Fs, c *Config, m *Module, place string, at lines) error {
	switch {
	case len(m.Sources) == 0 && len(m.Objects) == 0:
		return at.errorf(place, "module %s has neither sources nor objects", m.Name)
	case len(m.Sources) > 0 && len(m.Objects) > 0:
		return at.errorf(place+".objects", "module %s has both sources and objects: a module is made of one or the other", m.Name)
	case len(m.Prebuilt) > 0 && len(m.Sources) == 0:
		return at.errorf(place+".prebuilt", "module %s has prebuilt objects but no sources that they stand for: call them objects", m.Name)
	}
	if err := checkSettings(m.Settings, place+".", at); err != nil {
		return err
	}
	for i, s := range m.Sources {
		if !slices.Contains([]string{".c", ".S", ".s"}, filepath.Ext(s)) {
			return at.errorf(fmt.Sprintf("%s.sources[%d]", place, i), "%q is no source file: those end in .c, .S or .s (object files go under objects)", s)
		}
		// clang hands the bare name to its inner self, which takes it for a
		// file of arguments, whatever stands before it in the path.
		if strings.HasPrefix(filepath.Base(s), "@") {
			return at.errorf(fmt.Sprintf("%s.sources[%d]", place, i), "%q: compilers take a file name that begins with @ for a list of arguments: rename it", s)
		}
	}
	for i, r := range m.Expect {
		if !ruleName.MatchString(r) {
			return at.errorf(fmt.Sprintf("%s.expect[%d]", place, i), "%q is no rule's name: they look like boundary-reference", r)
		}
	}
	if err := checkFiles(fsys, c, m, m.Sources, place+".sources", at); err != nil {
		return err
	}
	for _, name := range m.over(c.Settings).Archs {
		a, _ := arch.ByName(name)
		if err := checkFiles(fsys, c, m, forArch(m.Objects, a), place+".objects", at); err != nil {
			return err
		}
		if err := checkFiles(fsys, c, m, forArch(m.Prebuilt, a), place+".prebuilt", at); err != nil {
			return err
		}
	}
	return nil
}

func checkSettings(s Settings, place string, at lines) error {
	for i, name := range s.Archs {
		if _, err := arch.ByName(name); err != nil {
			return at.errorf(fmt.Sprintf("%sarchs[%d]", place, i), "%v", err)
		}
		if slices.Contains(s.Archs[:i], name) {
			return at.errorf(fmt.Sprintf("%sarchs[%d]", place, i), "%s stands here twice", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.ArchCFlags)) {
		if _, err := arch.ByName(name); err != nil {
			return at.errorf(place+"arch_cflags", "%v", err)
		}
	}
	if err := checkPatterns(s.Compilers, place+"compilers", at); err != nil {
		return err
	}
	if err := checkPatterns(s.Linkers, place+"linkers", at); err != nil {
		return err
	}
	if s.Strategy != "" {
		if _, err := ldscripts.Parse(s.Strategy); err != nil {
			return at.errorf(place+"strategy", "%v", err)
		}
	}
	if s.Max != nil {
		// The padding's last word is the sentinel.
		if *s.Max < ldscripts.SentinelSize {
			return at.errorf(place+"max", "max is %d, but padding takes %d bytes at least", *s.Max, ldscripts.SentinelSize)
		}
	}
	for i, dir := range s.Includes {
		if err := checkPath(dir); err != nil {
			return at.errorf(fmt.Sprintf("%sincludes[%d]", place, i), "%v", err)
		}
	}
	if s.Exports != nil {
		if s.Exports.word != "" && !s.Exports.All {
			return at.errorf(place+"exports", "exports are a list of symbols or the word all, not %q", s.Exports.word)
		}
		for i, name := range s.Exports.Names {
			if !symbolName.MatchString(name) {
				return at.errorf(fmt.Sprintf("%sexports[%d]", place, i), "%q is no symbol's name", name)
			}
		}
	}
	return nil
}

func checkPatterns(patterns []string, place string, at lines) error {
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return at.errorf(fmt.Sprintf("%s[%d]", place, i), "%q is no pattern of names: write them like clang-1?, *-ld.bfd, ld.lld-[12]*", p)
		}
	}
	return nil
}

func checkFiles(fsys afero.Fs, c *Config, m *Module, files []string, place string, at lines) error {
	for i, name := range files {
		place := fmt.Sprintf("%s[%d]", place, i)
		if err := checkPath(name); err != nil {
			return at.errorf(place, "%v", err)
		}
		info, err := fsys.Stat(c.join(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return at.errorf(place, "module %s: no such file: %s", m.Name, c.join(name))
		case err != nil:
			return at.errorf(place, "module %s: %v", m.Name, err)
		case !info.Mode().IsRegular():
			return at.errorf(place, "module %s: %s is no file", m.Name, c.join(name))
		}
	}
	return nil
}

// checkPath refuses what cannot be a file of a build: the files that compilers
// list headers in, and people's terminals, can't hold control characters.
func checkPath(name string) error {
	if name == "" {
		return errors.New("an empty path")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%q holds a control character, which no path here may", name)
	}
	return nil
}

// join makes a path of kmod.yaml one for this process.
func (c *Config) join(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}
