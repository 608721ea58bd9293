package kmodmk

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// Target is one module to be made with one choice of everything.
type Target struct {
	// Module has its settings complete, as Load leaves them.
	Module *Module
	Arch   *arch.Arch
	// Compiler makes the sources into objects; nil links Objects, which are
	// the module's objects or its prebuilt ones.
	Compiler *Compiler
	Objects  []string
	Linker   Linker
	// Objcopy makes symbols local; not needed when all are exported.
	Objcopy  string
	Strategy ldscripts.Strategy
	// Padding is what the module was found to need. While it is nil, the plan
	// of a strategy that measures is that of its first link.
	Padding *ldscripts.Padding
	// Max, if not zero, takes the place of the module's own.
	Max uint64
	// Out is the output folder. Like all paths of a plan it is relative to
	// the folder of kmod.yaml, or absolute.
	Out string
}

// Plan is how a module is made: small files to write, and then commands to run
// one after the other, all in one folder. It is data, and the same whether it
// is printed or run.
type Plan struct {
	Writes []File
	Steps  []Step
	// Compiles counts the steps that make the objects, which come first. The
	// one after them is link stage 1.
	Compiles int
	// KLD is the output of stage 1 with its symbols localised, KO the module.
	KLD, KO string
}

// File is a small file that a plan's commands read.
type File struct {
	Path string
	Data []byte
}

// Step makes one file by running one command. The command names its output as
// an argument of its own, so that a runner can have it made elsewhere first.
type Step struct {
	// Name says for people what is done.
	Name    string
	Command run.Command
	Inputs  []string
	Output  string
	// Deps, if any, is a second file that the command makes: a make rule that
	// lists everything it read.
	Deps string
}

// kernelCFlags compile for any kernel; the architecture's own flags follow
// them. They are those of FreeBSD's kern.mk and kmod.mk that change code or
// headers.
var kernelCFlags = []string{"-O2", "-ffreestanding", "-fwrapv", "-fno-strict-aliasing", "-fno-common",
	"-nostdinc", "-D_KERNEL", "-DKLD_MODULE"}

// nothingExported stands in the list of exported symbols when it is empty:
// GNU objcopy refuses an empty list and LLVM's takes it for no list.
const nothingExported = "__kmodpad_exports_nothing"

// Plan makes the target's plan.
func (t Target) Plan() (*Plan, error) {
	p := &Plan{}
	objects := t.Objects
	maker := "objects"
	if t.Compiler != nil {
		maker = t.Compiler.Name
		objects = t.compile(p, path.Join(t.Out, t.Arch.Name, maker, "obj", t.Module.Name))
	}
	p.Compiles = len(p.Steps)
	base := path.Join(t.Out, t.Arch.Name, maker, t.Linker.Name, string(t.Strategy), t.Module.Name)
	p.KLD, p.KO = base+".kld", base+".ko"

	scripts, err := t.scripts(base)
	if err != nil {
		return nil, err
	}
	for _, s := range scripts {
		p.Writes = append(p.Writes, s.File)
	}
	if t.Padding != nil && t.Padding.Guarded() {
		guards := File{Path: base + ".guards.o", Data: t.Padding.GuardObject(t.Arch)}
		p.Writes = append(p.Writes, guards)
		objects = join(objects, []string{guards.Path})
	}
	if t.exportsAll() {
		t.stageOne(p, objects, scripts, p.KLD)
	} else {
		t.stageOne(p, objects, scripts, base+".stage1")
		if err := t.localise(p, base+".stage1", base+".exports", p.KLD); err != nil {
			return nil, err
		}
	}
	t.stageTwo(p, scripts)
	return p, nil
}

// stageScript is a linker script as a file, and the link stage that it is for.
type stageScript struct {
	File
	stage int
}

// scripts are the linker scripts of both stages. Those that fit every module
// are shared by all of them; one that was made for this module lies beside it.
func (t Target) scripts(base string) ([]stageScript, error) {
	list := ldscripts.Scripts(t.Arch, t.Strategy)
	if t.Padding != nil {
		list = []ldscripts.Script{t.Padding.Script(t.Arch)}
	}
	var scripts []stageScript
	for _, s := range list {
		text, err := s.Render()
		if err != nil {
			return nil, err
		}
		name := path.Join(t.Out, t.Arch.Name, s.FileName())
		if t.Padding != nil {
			name = base + ".ldscript"
		}
		scripts = append(scripts, stageScript{File{Path: name, Data: text}, s.Stage})
	}
	return scripts, nil
}

// limit is the padding that a side of a set may be given by measurement.
func (t Target) limit() uint64 {
	if t.Max == 0 && t.Module.Max != nil {
		return *t.Module.Max
	}
	return cmp.Or(t.Max, DefaultMax)
}

// exportsAll says that symbols stay as the compiler made them. Prebuilt objects
// had theirs made local when they were built.
func (t Target) exportsAll() bool {
	return t.Module.Exports.All || t.Compiler == nil && len(t.Module.Prebuilt) > 0
}

// compile adds a step for each source and returns the objects' names.
func (t Target) compile(p *Plan, dir string) []string {
	var objects []string
	taken := make(map[string]bool)
	for _, source := range t.Module.Sources {
		stem := strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
		object := path.Join(dir, stem+".o")
		// Two folders may have a source of the same name.
		for n := 2; taken[strings.ToLower(object)]; n++ {
			object = path.Join(dir, fmt.Sprintf("%s-%d.o", stem, n))
		}
		taken[strings.ToLower(object)] = true
		objects = append(objects, object)

		deps := object + ".d"
		args := join(kernelCFlags, t.Compiler.Flags)
		for _, include := range t.Module.Includes {
			args = append(args, "-I", word(include))
		}
		args = slices.Concat(args, t.Module.CFlags, t.Module.ArchCFlags[t.Arch.Name])
		args = append(args, "-MD", "-MT", depsTarget, "-MF", word(deps), "-o", word(object), "-c", word(source))
		p.Steps = append(p.Steps, Step{
			Name:    "compile " + source,
			Command: run.Command{Path: t.Compiler.Path, Args: args},
			Inputs:  []string{source}, Output: object, Deps: deps,
		})
	}
	return objects
}

// stageOne links the objects into one, and pads: ld -r -T script.
func (t Target) stageOne(p *Plan, objects []string, scripts []stageScript, out string) {
	flags, inputs := scriptFlags(scripts, 1)
	args := append(t.ld(flags...), "-r", "-o", word(out))
	for _, o := range objects {
		args = append(args, word(o))
	}
	p.Steps = append(p.Steps, Step{
		Name:    "link stage 1",
		Command: run.Command{Path: t.Linker.Path, Args: args},
		Inputs:  join(objects, inputs), Output: out,
	})
}

// scriptFlags are the flags that give a stage its scripts, and the scripts.
func scriptFlags(scripts []stageScript, stage int) (flags, inputs []string) {
	for _, s := range scripts {
		if s.stage == stage {
			flags = append(flags, "-T", word(s.Path))
			inputs = append(inputs, s.Path)
		}
	}
	return flags, inputs
}

// localise makes every symbol local that is defined and not exported.
func (t Target) localise(p *Plan, in, list, out string) error {
	if t.Objcopy == "" {
		return fmt.Errorf("module %s: no objcopy for %s is installed to make its symbols local: run \"go tool mage setup\", or say \"exports: all\"", t.Module.Name, t.Arch)
	}
	names := t.Module.Exports.Names
	if t.Strategy == ldscripts.SizedSymbol { // the script of stage 2 needs them
		for _, set := range ldscripts.Sets {
			names = join(names, []string{ldscripts.SizeSymbol(set)})
		}
	}
	if len(names) == 0 {
		names = []string{nothingExported}
	}
	p.Writes = append(p.Writes, File{Path: list, Data: []byte(strings.Join(names, "\n") + "\n")})
	p.Steps = append(p.Steps, Step{
		Name:    "localise",
		Command: run.Command{Path: t.Objcopy, Args: []string{"--keep-global-symbols=" + list, word(in), word(out)}},
		Inputs:  []string{in, list}, Output: out,
	})
	return nil
}

// stageTwo makes the module of stage 1's output, without debug information.
func (t Target) stageTwo(p *Plan, scripts []stageScript) {
	if t.Arch.Shape == arch.Relocatable {
		t.strip(p)
		return
	}
	args := t.ld("-Bshareable", "-znotext", "-znorelro", "--hash-style=sysv")
	args = append(args, t.Linker.stageTwoFlags(t.Arch)...)
	flags, inputs := scriptFlags(scripts, 2)
	p.Steps = append(p.Steps, Step{
		Name:    "link stage 2",
		Command: run.Command{Path: t.Linker.Path, Args: slices.Concat(args, flags, []string{"-S", "-o", word(p.KO), word(p.KLD)})},
		Inputs:  join([]string{p.KLD}, inputs), Output: p.KO,
	})
}

// strip makes a relocatable module, which has no second stage. Without an
// objcopy the linker has to do; ld.lld then keeps the debug information, as it
// ignores -S beside -r.
func (t Target) strip(p *Plan) {
	c := run.Command{Path: t.Objcopy, Args: []string{"--strip-debug", word(p.KLD), word(p.KO)}}
	if t.Objcopy == "" {
		c = run.Command{Path: t.Linker.Path, Args: t.ld("-r", "-S", "-o", word(p.KO), word(p.KLD))}
	}
	p.Steps = append(p.Steps, Step{Name: "strip", Command: c, Inputs: []string{p.KLD}, Output: p.KO})
}

// ld is a linker's command line, up to args.
func (t Target) ld(args ...string) []string {
	return slices.Concat([]string{"-m", t.Linker.Emulation}, t.Arch.LDFlags, args)
}

// word writes a path so that no program takes it for an option (-x.c), a file
// of arguments (@x.c) or anything else but a path.
func word(name string) string {
	if c := name[0]; c == '/' || c == '.' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
		return name
	}
	return "./" + name
}
