package toolchains

import (
	"cmp"
	"regexp"
	"strings"
)

var (
	llvmVersion    = regexp.MustCompile(`\b(?:clang|LLD|LLVM)(?: version)? ([0-9]+(?:\.[0-9]+)+[a-z0-9]*)`)
	anyNumber      = regexp.MustCompile(`\b[0-9]+(?:\.[0-9]+)+\b`)
	parenthesised  = regexp.MustCompile(`\([^()]*\)|\[[^][]*\]`)
	digitsOrOthers = regexp.MustCompile(`[0-9]+|[^0-9]+`)
)

// parseVersion reads the version out of what a program prints for --version. It
// is empty when there is none to be seen.
func parseVersion(text string) string {
	if m := llvmVersion.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	// GNU tools put the packager's version in parentheses before their own.
	line, _, _ := strings.Cut(text, "\n")
	return anyNumber.FindString(parenthesised.ReplaceAllString(line, ""))
}

// compareNames orders names as people do: clang-9, clang13, clang-19.
func compareNames(a, b string) int {
	as, bs := digitsOrOthers.FindAllString(a, -1), digitsOrOthers.FindAllString(b, -1)
	for i := range min(len(as), len(bs)) {
		if d := compareParts(as[i], bs[i]); d != 0 {
			return d
		}
	}
	if d := cmp.Compare(len(as), len(bs)); d != 0 {
		return d
	}
	return cmp.Compare(a, b) // they differ in leading zeros and dashes at most
}

func compareParts(a, b string) int {
	if isDigit(a[0]) && isDigit(b[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return cmp.Compare(len(a), len(b)) // of any length, so not by value
		}
	}
	// A dash before a version is a matter of the system's taste.
	return cmp.Compare(strings.TrimSuffix(a, "-"), strings.TrimSuffix(b, "-"))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
