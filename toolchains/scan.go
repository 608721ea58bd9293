package toolchains

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/toolchains/arch"
)

// The names that programs of each role go by: a version may follow with a dash
// (Debian) or without (FreeBSD ports), and the prefix of a GNU cross tool is a
// triple, so it has a dash inside (c99-gcc is something else).
const (
	anyPrefix  = `(?:[A-Za-z0-9_]+(?:-[A-Za-z0-9_.]+)+-)?`
	anyVersion = `(?:-?[0-9]+(?:\.[0-9]+)*)?`
)

var (
	clangName   = regexp.MustCompile(`^clang` + anyVersion + `$`)
	gccName     = regexp.MustCompile(`^` + anyPrefix + `gcc` + anyVersion + `$`)
	linkerName  = regexp.MustCompile(`^` + anyPrefix + `ld(?:\.bfd|\.lld)?` + anyVersion + `$`)
	objcopyName = regexp.MustCompile(`^(?:` + anyPrefix + `objcopy|llvm-objcopy` + anyVersion + `)$`)
)

// candidate is a file on PATH whose name says that it might be of use.
type candidate struct {
	name, path string
	info       os.FileInfo // of the file that links lead to
	role       role
}

// scan lists the candidates in the folders of a PATH. Where several folders
// have one name the first folder wins, as it does for everyone else. Folders
// that are not absolute are passed over: what is found must not depend on the
// current one.
func scan(path string) []candidate {
	var found []candidate
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a PATH often names folders that are not there
		}
		for _, entry := range entries {
			name := entry.Name()
			role := roleOf(name)
			if role == nil || seen[name] {
				continue
			}
			file := filepath.Join(dir, name)
			info, err := os.Stat(file)
			if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
				continue
			}
			seen[name] = true
			found = append(found, candidate{name: name, path: file, info: info, role: role})
		}
	}
	return found
}

func roleOf(name string) role {
	switch {
	case clangName.MatchString(name):
		return clangRole{}
	case gccName.MatchString(name):
		return gccRole{}
	case linkerName.MatchString(name):
		return linkerRole{}
	case objcopyName.MatchString(name):
		return objcopyRole{}
	case slices.ContainsFunc(arch.All, func(a *arch.Arch) bool {
		return a.QEMU != "" && strings.TrimSuffix(name, "-static") == a.QEMU
	}):
		return emulatorRole{}
	}
	return nil
}

// unify makes one program of the names that lead to the same file and say the
// same of themselves. The second condition is for programs that act by the name
// they are called by, such as ccache. The longest name stands for all of them:
// it says most, and it stays what it is when another version is installed.
func unify(answers []identity, rejected *[]Rejected) []identity {
	var programs []identity
next:
	for _, answer := range answers {
		for i := range programs {
			p := &programs[i]
			if p.role != answer.role || p.same() != answer.same() || !os.SameFile(p.info, answer.info) {
				continue
			}
			names := append(slices.Clone(p.Aliases), p.Name, answer.Name)
			if betterName(answer.Name, p.Name) {
				answer.Aliases, *p = p.Aliases, answer
			}
			p.Aliases = slices.DeleteFunc(names, func(n string) bool { return n == p.Name })
			slices.SortFunc(p.Aliases, compareNames)
			continue next
		}
		programs = append(programs, answer)
	}
	return slices.DeleteFunc(programs, func(p identity) bool {
		if p.reason != nil {
			*rejected = append(*rejected, Rejected{p.Name, p.Path, p.reason.Error()})
		}
		return p.reason != nil
	})
}

func betterName(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a < b
}
