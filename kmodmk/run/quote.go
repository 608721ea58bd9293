package run

import (
	"bytes"
	"fmt"
	"strings"
)

// String is the POSIX shell line that does the same, for people to read and to
// paste. The line does not set LC_ALL, which only changes the language of
// messages.
func (c Command) String() string {
	var words []string
	for _, variable := range c.Env {
		name, value, _ := strings.Cut(variable, "=")
		words = append(words, name+"="+Quote(value))
	}
	// A first word with an equals sign would be taken as an assignment.
	if program := Quote(c.Path); program == c.Path && strings.Contains(program, "=") {
		words = append(words, "'"+program+"'")
	} else {
		words = append(words, program)
	}
	for _, arg := range c.Args {
		words = append(words, Quote(arg))
	}
	line := strings.Join(words, " ")
	if len(c.Stdin) > 0 {
		line = printf(c.Stdin) + " | " + line
	}
	if c.Dir != "" {
		dir := c.Dir
		if strings.HasPrefix(dir, "-") { // which cd would take as an option
			dir = "./" + dir
		}
		line = "(cd " + Quote(dir) + " && " + line + ")"
	}
	return line
}

// Quote writes a word so that a POSIX shell reads it as exactly this word. It
// leaves alone what needs no quotes.
func Quote(word string) string {
	if word != "" && word[0] != '~' && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plain are the characters that mean nothing to a shell inside a word.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%"

// printf is the shell command that prints data.
func printf(data []byte) string {
	if !bytes.ContainsRune(data, 0) {
		return "printf %s " + Quote(string(data))
	}
	// A shell's word cannot hold a NUL byte.
	var format strings.Builder
	for _, b := range data {
		if b < ' ' || b > '~' || b == '\\' || b == '%' || b == '-' || b == '\'' {
			fmt.Fprintf(&format, `\%03o`, b)
		} else {
			format.WriteByte(b)
		}
	}
	return "printf '" + format.String() + "'"
}
