package newmod

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodpad/kmodpad/testdata"
)

// standIns are stand-ins for the kernel's headers, under the kernel's names.
//
//go:embed include
var standIns embed.FS

var include = regexp.MustCompile(`(?m)^#include <([a-z0-9_/]+\.h)>$`)

// headersOf are the stand-ins that a source includes, and those that they
// include, in the order of their names.
func headersOf(source []byte) ([]file, error) {
	var files []file
	seen := map[string]bool{}
	queue := [][]byte{source}
	for len(queue) > 0 {
		text := queue[0]
		queue = queue[1:]
		for _, match := range include.FindAllSubmatch(text, -1) {
			name := path.Join("include", string(match[1]))
			if seen[name] {
				continue
			}
			seen[name] = true
			header, err := readHeader(name)
			if err != nil {
				return nil, err
			}
			files = append(files, file{path: name, data: header})
			queue = append(queue, header)
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, nil
}

// readHeader finds a stand-in. Those in include/kmodpad are the ones that the
// sample modules are compiled with.
func readHeader(name string) ([]byte, error) {
	for _, from := range []embed.FS{standIns, testdata.Include} {
		if text, err := fs.ReadFile(from, name); err == nil {
			return text, nil
		}
	}
	return nil, fmt.Errorf("there is no stand-in for %s", name)
}
