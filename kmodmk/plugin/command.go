package plugin

import (
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk"
)

// Role is a part of a command that only the build knows.
type Role string

// The roles, by what stands in their place in a plan.
const (
	CC         Role = "CC"
	LD         Role = "LD"
	Objcopy    Role = "OBJCOPY"
	Emulation  Role = "EMULATION"
	Flags      Role = "FLAGS"      // the module's own compiler flags
	Source     Role = "SOURCE"     // one source
	Object     Role = "OBJECT"     // and the object made of it
	Deps       Role = "DEPS"       // the headers it was made of, as a make rule
	DepsTarget Role = "DEPSTARGET" // the target of that rule
	Script     Role = "SCRIPT"     // the linker script
	Objects    Role = "OBJECTS"    // all objects
	StageOne   Role = "STAGE1"     // output of link stage 1
	Exports    Role = "EXPORTS"    // the list of exported symbols
	KLD        Role = "KLD"        // StageOne with its symbols localised
	KO         Role = "KO"         // the module
)

// Word is one argument of a command: text, or text and what stands for a role.
type Word struct {
	Text string
	Role Role
}

// Command is a program and its arguments.
type Command struct {
	Program Role
	Words   []Word
}

// newCommand takes a plan's step apart; roles says what a path stands for.
func newCommand(s kmodmk.Step, roles map[string]Role) Command {
	c := Command{Program: Role(s.Command.Path)}
	for i, arg := range s.Command.Args {
		if i > 0 && s.Command.Args[i-1] == "-MT" {
			c.Words = append(c.Words, Word{Role: DepsTarget})
			continue
		}
		c.Words = append(c.Words, newWord(arg, roles))
	}
	return c
}

// newWord finds a role in an argument: as all of it, or after an =.
func newWord(arg string, roles map[string]Role) Word {
	if r, ok := roles[arg]; ok {
		return Word{Role: r}
	}
	if flag, value, ok := strings.Cut(arg, "="); ok {
		if r, ok := roles[value]; ok {
			return Word{Text: flag + "=", Role: r}
		}
	}
	return Word{Text: arg}
}

// GNU is the command as a recipe of GNU make.
func (c Command) GNU() string { return c.in(gnu, makeQuote) }

// Bmake is the command as a recipe of bmake.
func (c Command) Bmake() string { return c.in(bmake, makeQuote) }

// CMake is the command as arguments of add_custom_command.
func (c Command) CMake() string { return c.in(cmake, cmakeQuote) }

func (c Command) in(names map[Role]string, quote func(string) string) string {
	words := []string{names[c.Program]}
	for _, w := range c.Words {
		text := ""
		if w.Text != "" {
			text = quote(w.Text)
		}
		words = append(words, text+names[w.Role])
	}
	return strings.Join(words, " ")
}

// What stands for the roles in the three languages. A name that comes from
// outside is quoted where it is used; the rest was checked by the plugin.
var (
	gnu = map[Role]string{
		CC: "$(CC)", LD: "$(LD)", Objcopy: "$(OBJCOPY)", Emulation: "$(KMODPAD_EMULATION)",
		Flags: "$(CFLAGS)", Source: "$<", Object: "$@", Deps: "$@.d", DepsTarget: "$@",
		Script: "$(KMODPAD_SCRIPT)", Objects: "$(KMODPAD_OBJS)", StageOne: "$(KMODPAD_STAGE1)",
		Exports: "$(KMOD).exports", KLD: "$(KMOD).kld", KO: "$(KMOD).ko",
	}
	bmake = map[Role]string{
		CC: "${CC}", LD: "${LD}", Objcopy: "${OBJCOPY}", Emulation: "${KMODPAD_EMULATION}",
		Flags: "${CFLAGS}", Source: "${KMODPAD_SOURCE.${.TARGET}}", Object: "${.TARGET}", Deps: "${.TARGET}.d", DepsTarget: "${.TARGET}",
		Script: "${KMODPAD_SCRIPT}", Objects: "${KMODPAD_OBJS}", StageOne: "${KMODPAD_STAGE1}",
		Exports: "${KMOD}.exports", KLD: "${KMOD}.kld", KO: "${KMOD}.ko",
	}
	cmake = map[Role]string{
		CC: `"${KMODPAD_CC}"`, LD: `"${KMODPAD_LD}"`, Objcopy: `"${KMODPAD_OBJCOPY}"`, Emulation: `"${_emulation}"`,
		Flags: `${_flags}`, Source: `"${_source}"`, Object: `"${_object}"`, Deps: `"${_object}.d"`, DepsTarget: `"${_object}"`,
		Script: `"${_script}"`, Objects: `${_objects}`, StageOne: `"${_stage1}"`,
		Exports: `${_exports}`, KLD: `"${_base}.kld"`, KO: `"${_base}.ko"`,
	}
)
