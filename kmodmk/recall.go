package kmodmk

import (
	"encoding/json"
	"os"
	"path"
	"slices"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/ldscripts"
	"github.com/kmodpad/kmodpad/templates"
)

// found lies beside a module as .NAME.padding and says that its first link was
// not enough and what was made in its place. Without it every build would have
// to make the first link again, only to find the same.
type found struct {
	// Version is measureVersion of the program that measured.
	Version int `json:"version"`
	// Key is that of the first link's stage 1: the objects and the linker.
	Key     string            `json:"key"`
	Padding ldscripts.Padding `json:"padding"`
	Why     string            `json:"why"`
}

// measureVersion grows when measuring gives other results than before.
const measureVersion = 1

func (r *Runner) foundPath(p *Plan) string {
	name := path.Base(p.KO)
	return r.path(path.Join(path.Dir(p.KO), "."+name[:len(name)-len(path.Ext(name))]+".padding"))
}

// recall is what the module was found to need when it was last made of the same
// objects by the same linker; nil when that is not known.
func (r *Runner) recall(t Target, p *Plan) *demand {
	text, err := os.ReadFile(r.foundPath(p))
	if err != nil {
		return nil
	}
	var was found
	if json.Unmarshal(text, &was) != nil || was.Version != measureVersion {
		return nil
	}
	if key, err := r.key(p.Steps[p.Compiles], nil); err != nil || key != was.Key {
		return nil
	}
	limit := t.limit()
	if slices.ContainsFunc(was.Padding.Sets, func(s ldscripts.SetPadding) bool { return s.Before > limit || s.After > limit }) {
		return nil // max is less than it was
	}
	return &demand{padding: was.Padding, why: was.Why, key: was.Key}
}

// remember notes what a module was found to need.
func (r *Runner) remember(p *Plan, n *demand) error {
	text, err := json.Marshal(found{Version: measureVersion, Key: n.key, Padding: n.padding, Why: n.why})
	if err != nil {
		return err
	}
	_, err = templates.Write(afero.NewOsFs(), r.foundPath(p), text)
	return err
}
