package kmodmk

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// ConfigName is the file that says what to build.
const ConfigName = "kmod.yaml"

// DefaultMax is the padding that a side of a set may get where kmod.yaml does
// not say.
const DefaultMax = 4096

// Config is what kmod.yaml holds:
//
//	# What every module starts from; a module may have all of these itself.
//	archs: [i386, aarch64]
//	includes: [include]
//	cflags: [-O2]
//	arch_cflags: {i386: [-march=i486]}
//
//	modules:
//	  - name: counter              # makes counter.ko
//	    sources: [counter.c, sub/table.c]
//	    exports: [counter_next]    # or: all
//	  - name: vendor
//	    objects: ["vendor/{arch}.o"]
//	    exports: all
//
// Unknown keys are refused. Paths are relative to the folder of kmod.yaml and
// may lead out of it; nothing but the output folder is ever written to. A
// kmod.yaml is trusted like a Makefile: its cflags reach the compiler as they
// are.
type Config struct {
	// Path is the file's name, Dir the folder that its paths are relative to.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`

	Settings `yaml:",inline"`
	// Modules are built in this order.
	Modules []*Module `yaml:"modules"`
}

// Settings stand at the top of kmod.yaml for all modules, and in a module for
// that one. What a module says takes the place of what stands at the top; only
// its includes, cflags and arch_cflags come after those.
type Settings struct {
	// Archs are the architectures to build for, as FreeBSD's MACHINE_ARCH
	// names them; i386 when there are none.
	Archs []string `yaml:"archs"`
	// Compilers are patterns of names as in clang-1? or *-gcc-12. Each picks
	// one compiler, the best that matches: clang before gcc, newest first.
	// The default picks the best of all.
	Compilers []string `yaml:"compilers"`
	// Linkers are patterns of names. Every linker that matches one of them
	// links the module; the default is every linker there is.
	Linkers []string `yaml:"linkers"`
	// Strategy is the way to pad: none, upstream, constraint, sized-symbol,
	// measured or auto (the default). Package ldscripts says what they are.
	Strategy string `yaml:"strategy"`
	// Max is how many bytes of padding a side of a set may get by measurement
	// (DefaultMax unless said). What needs more is refused, since every network
	// stack or CPU pays for it.
	Max *uint64 `yaml:"max"`
	// Includes are folders for the compiler to look for headers in. There are
	// no others: a kernel module has no use for the host's.
	Includes []string `yaml:"includes"`
	// CFlags come last on the compiler's command line, an element a word.
	CFlags []string `yaml:"cflags"`
	// ArchCFlags are more of them for single architectures, by name.
	ArchCFlags map[string][]string `yaml:"arch_cflags"`
	// Exports are the symbols that other modules can use, EXPORT_SYMS of
	// kmod.mk: a list of names, or the word all. Every other symbol that the
	// module defines becomes local. By default, as there, that is every one.
	Exports *Exports `yaml:"exports"`
}

// Module is one kernel module. It has either sources or objects.
type Module struct {
	// Name is the module's file name without .ko: letters, digits and _ . -,
	// beginning with a letter, a digit or _.
	Name string `yaml:"name"`
	// Sources are C (.c) and assembler (.S, .s) files.
	Sources []string `yaml:"sources"`
	// Objects are compiled already. The word {arch} in a path stands for the
	// architecture's name.
	Objects []string `yaml:"objects"`
	// Prebuilt are objects to use in place of the sources on a machine without
	// a compiler, or without the objcopy that exports need. They have been
	// through exports already. {arch} as in objects.
	Prebuilt []string `yaml:"prebuilt"`
	// Expect names rules of the verifier that this module breaks on purpose.
	// Findings of these rules are no failure; a rule of which there is no
	// finding is one.
	Expect []string `yaml:"expect"`

	Settings `yaml:",inline"`
}

// Exports says which symbols stay global.
type Exports struct {
	All   bool
	Names []string

	word string // what stood there in place of a list, for check
}

// UnmarshalYAML reads a list of names or the word all.
func (e *Exports) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&e.word) == nil {
		e.All = e.word == "all"
		return nil
	}
	return unmarshal(&e.Names)
}

// Load reads and checks a kmod.yaml. Errors are one line that says where in
// the file, what, and what to do about it.
func Load(fsys afero.Fs, path string) (*Config, error) {
	text, err := afero.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("%w: kmod.yaml in the working folder, or the file that KMOD_CONFIG names, says what to build", err)
	}
	c := &Config{}
	lines, err := decode(path, text, c)
	if err != nil {
		return nil, err
	}
	c.Path, c.Dir = path, filepath.Dir(path)
	if err := check(fsys, c, lines); err != nil {
		return nil, err
	}
	for _, m := range c.Modules {
		m.Settings = m.over(c.Settings)
	}
	return c, nil
}

// over fills what s leaves open with what is said for all modules, and with
// the defaults.
func (s Settings) over(all Settings) Settings {
	s.Archs = firstOf(s.Archs, all.Archs, []string{"i386"})
	s.Compilers = firstOf(s.Compilers, all.Compilers, []string{"*"})
	s.Linkers = firstOf(s.Linkers, all.Linkers, []string{"*"})
	if s.Strategy == "" {
		s.Strategy = all.Strategy
	}
	if s.Strategy == "" {
		s.Strategy = string(ldscripts.Default)
	}
	if s.Max == nil {
		s.Max = all.Max
	}
	if s.Exports == nil {
		s.Exports = all.Exports
	}
	if s.Exports == nil {
		s.Exports = &Exports{}
	}
	s.Includes = join(all.Includes, s.Includes)
	s.CFlags = join(all.CFlags, s.CFlags)
	flags := maps.Clone(all.ArchCFlags)
	for name, more := range s.ArchCFlags {
		if flags == nil {
			flags = make(map[string][]string)
		}
		flags[name] = join(flags[name], more)
	}
	s.ArchCFlags = flags
	return s
}

func firstOf(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}
	return nil
}

func join(a, b []string) []string { return append(a[:len(a):len(a)], b...) }

// forArch is a list of paths with {arch} filled in.
func forArch(paths []string, a *arch.Arch) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = strings.ReplaceAll(p, "{arch}", a.Name)
	}
	return out
}
