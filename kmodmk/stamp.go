package kmodmk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/templates"
)

// stamp lies beside an output as .NAME.stamp and says what that was made from.
// It holds no times: a file that was touched but not changed is up to date.
type stamp struct {
	// Key is the hash of the command, its program and all inputs.
	Key string `json:"key"`
	// Deps are the inputs that only the command itself could tell.
	Deps []string `json:"deps,omitempty"`
	// Output is the hash of the output.
	Output string `json:"output"`
}

func (r *Runner) stampPath(s Step) string {
	return r.path(path.Join(path.Dir(s.Output), "."+path.Base(s.Output)+".stamp"))
}

// fresh says that the step's output is there and that running its command
// would make the same again.
func (r *Runner) fresh(s Step) bool {
	text, err := os.ReadFile(r.stampPath(s))
	if err != nil {
		return false
	}
	var was stamp
	if json.Unmarshal(text, &was) != nil {
		return false
	}
	if sum, err := hashFile(r.path(s.Output)); err != nil || sum != was.Output {
		return false
	}
	key, err := r.key(s, was.Deps)
	return err == nil && key == was.Key
}

func (r *Runner) note(s Step, is stamp) error {
	text, err := json.Marshal(is)
	if err != nil {
		return err
	}
	_, err = templates.Write(afero.NewOsFs(), r.stampPath(s), text)
	return err
}

// key hashes all that decides what a step makes: the words of its command, the
// program's file, and the contents of everything it reads.
func (r *Runner) key(s Step, deps []string) (string, error) {
	h := sha256.New()
	tool, err := identity(s.Command.Path)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%s\n%q\n%q\n", tool, s.Command.Args, s.Command.Env)
	for _, name := range join(s.Inputs, deps) {
		sum, err := hashFile(r.path(name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %s\n", name, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// identity tells a program's file from the one that was there before an
// upgrade, without reading a hundred megabytes of compiler.
func identity(program string) (string, error) {
	found, err := exec.LookPath(program)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(found)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%q %d %d", real, info.Size(), info.ModTime().UnixNano()), nil
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
