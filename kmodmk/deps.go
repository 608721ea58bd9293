package kmodmk

import (
	"fmt"
	"strings"
)

// depsTarget is the target of the make rule that compilers write.
const depsTarget = "deps"

// parseDeps reads the make rule that a compiler wrote with -MD: the files that
// it read. Compilers write a backslash before a space and a #, double those that
// are there already, write $ twice, and end a line that goes on in a backslash.
func parseDeps(rule []byte) ([]string, error) {
	text, ok := strings.CutPrefix(string(rule), depsTarget+":")
	if !ok {
		return nil, fmt.Errorf("the list of headers does not begin with %q", depsTarget+":")
	}
	text = strings.ReplaceAll(text, "\\\r\n", " ")
	text = strings.ReplaceAll(text, "\\\n", " ")
	text, _, _ = strings.Cut(text, "\n") // rules for headers may follow

	var names []string
	var name strings.Builder
	flush := func() {
		if name.Len() > 0 {
			names = append(names, name.String())
			name.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			slashes := len(text[i:]) - len(strings.TrimLeft(text[i:], `\`))
			i += slashes - 1
			if i+1 == len(text) || !strings.ContainsRune(" \t#", rune(text[i+1])) {
				name.WriteString(strings.Repeat(`\`, slashes))
				break
			}
			name.WriteString(strings.Repeat(`\`, slashes/2))
			if slashes%2 == 1 {
				i++
				name.WriteByte(text[i])
			}
		case '$':
			name.WriteByte(c)
			if i+1 < len(text) && text[i+1] == '$' {
				i++
			}
		case ' ', '\t', '\r':
			flush()
		default:
			name.WriteByte(c)
		}
	}
	flush()
	return names, nil
}
