// Package templates holds the text/template source of every file that kmodpad
// generates, one template a kind of file, and renders it.
//
// Actions stand between <% and %>, since linker scripts, makefiles and CMake
// files are full of braces and brackets of their own.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

//go:embed *.tmpl
var files embed.FS

// functions are what templates may call: those of sprig that give the same
// text for the same data on every machine and every day. That leaves out the
// environment, the clock, random numbers, and also keys and values, which go
// through a map in no order.
var functions = []string{
	"add", "add1", "sub", "mul", "div", "mod", "max", "min", "until", "untilStep",
	"trim", "trimPrefix", "trimSuffix", "replace", "repeat", "upper", "lower",
	"hasPrefix", "hasSuffix", "contains", "splitList", "join", "cat", "wrapWith",
	"indent", "nindent", "quote", "squote",
	"list", "dict", "first", "last", "rest", "has", "uniq", "sortAlpha",
	"default", "empty", "ternary", "fail",
}

// parsed is made when it is first needed: most runs of padcheck render nothing.
var parsed = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").
		Delims("<%", "%>").
		Option("missingkey=error").
		Funcs(funcMap()).
		ParseFS(files, "*.tmpl"))
})

func funcMap() template.FuncMap {
	all := sprig.HermeticTxtFuncMap()
	picked := make(template.FuncMap, len(functions))
	for _, name := range functions {
		picked[name] = all[name]
	}
	return picked
}

// Render fills in the template called name, a file of this folder without
// its .tmpl.
func Render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := parsed().ExecuteTemplate(&b, name+".tmpl", data); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return b.Bytes(), nil
}
