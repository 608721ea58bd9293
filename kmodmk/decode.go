package kmodmk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// lines finds the line of a value in kmod.yaml again, for errors that are found
// after it was read.
type lines struct {
	path string
	file *ast.File
}

// errorf is an error about the value at a place such as "modules[2].name".
func (l lines) errorf(place, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if p, err := yaml.PathString("$." + place); err == nil {
		if node, err := p.FilterFile(l.file); err == nil && node.GetToken() != nil {
			return fmt.Errorf("%s:%d: %s", l.path, node.GetToken().Position.Line, message)
		}
	}
	return fmt.Errorf("%s: %s", l.path, message)
}

// decode reads the YAML text into c, strictly.
func decode(path string, text []byte, c *Config) (at lines, err error) {
	// The YAML package panics on a few odd texts, such as a tag without a value.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: cannot be read as YAML (%v): leave out tags and anchors", path, r)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return lines{}, oneLine(path, err)
	}
	if len(file.Docs) > 1 {
		return lines{}, fmt.Errorf("%s: holds %d YAML documents, but only one is read: remove the --- lines", path, len(file.Docs))
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(c)
	if err != nil && !errors.Is(err, io.EOF) { // an empty file has no modules, which check says
		return lines{}, oneLine(path, err)
	}
	return lines{path, file}, nil
}

// oneLine makes one line of an error that comes with a picture of the place.
func oneLine(path string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) {
		return fmt.Errorf("%s: %w", path, err)
	}
	message := at.GetMessage()
	switch e := at.(type) {
	case *yaml.UnknownFieldError:
		key := e.Token.Value
		message = fmt.Sprintf("unknown key %q", key)
		if near := nearest(key, keys); near != "" {
			message += fmt.Sprintf(" (did you mean %q?)", near)
		} else {
			message += ": there are " + strings.Join(keys, ", ")
		}
	case *yaml.TypeError:
		message = "a " + strings.NewReplacer("slice", "list", "struct", "table", "ptr", "value", "uint64", "number of zero or more").
			Replace(e.DstType.Kind().String()) + " is wanted here"
	case *yaml.OverflowError:
		message = "a number of zero or more is wanted here"
	default:
		message = strings.NewReplacer("sequence", "list", "mapping was", "table was", "mapping is", "table is").Replace(message)
	}
	if t := at.GetToken(); t != nil && t.Position != nil {
		return fmt.Errorf("%s:%d: %s", path, t.Position.Line, message)
	}
	return fmt.Errorf("%s: %s", path, message)
}

// keys are all that kmod.yaml may hold, in alphabetical order.
var keys = func() []string {
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Module](), reflect.TypeFor[Settings]()} {
		for f := range t.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}()

// nearest is the word that was probably meant: the one that is fewest typing
// errors away, if those are few.
func nearest(word string, among []string) string {
	best, least := "", 1+max(1, len(word)/3)
	for _, w := range among {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the typing errors between two words: letters added, left
// out, mistaken, or swapped with the next one.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
