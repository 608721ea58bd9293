package plugin

import (
	"strings"

	"github.com/kmodpad/kmodpad/kmodmk/run"
)

// makeQuote writes a word so that either make hands it to the shell, and the
// shell to the program, as it is.
func makeQuote(word string) string {
	return strings.NewReplacer("$", "$$", "#", `\#`).Replace(run.Quote(word))
}

// cmakeQuote writes a word as one argument of CMake, where a plain word needs
// no quotes.
func cmakeQuote(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,") == "" {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(word) + `"`
}
