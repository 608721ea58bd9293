package matrix

import (
	"fmt"
	"path"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/templates"
)

// release is a release of FreeBSD on which Cirrus CI runs the matrix.
type release struct{ Name, Image string }

// ciData is what the definitions for CI engines depend on.
type ciData struct {
	Shards   int
	Go       string
	Path     string
	Releases []release
}

// MaxShards is as many parts as a GitHub workflow's matrix can have.
const MaxShards = 256

// GenerateCI writes definitions that run the matrix in so many parts, for GitHub
// Actions, GitLab and Cirrus CI, to a folder, and returns their names.
func GenerateCI(fsys afero.Fs, dir string, shards int) ([]string, error) {
	if shards < 1 || shards > MaxShards {
		return nil, fmt.Errorf("%d parts: a matrix is run in 1 to %d", shards, MaxShards)
	}
	data := ciData{
		Shards: shards, Go: "1.26",
		Releases: []release{{"13", "freebsd-13-5"}, {"14", "freebsd-14-3"}},
	}
	var names []string
	for _, engine := range []string{"github", "gitlab", "cirrus"} {
		name := "matrix." + engine + ".yml"
		data.Path = path.Join(filepath.ToSlash(dir), name)
		text, err := templates.Render(name, data)
		if err != nil {
			return names, err
		}
		file := filepath.Join(dir, name)
		if _, err := templates.Write(fsys, file, text); err != nil {
			return names, err
		}
		names = append(names, file)
	}
	return names, nil
}

// cellsPerShard is about as much as one machine of a CI engine runs in two
// minutes, the time that it takes to set up.
const cellsPerShard = 1500

// Shards lists the parts that a plan is worth cutting into, at most so many.
func (p *Plan) Shards(most int) []string {
	n := min((p.Cells()+cellsPerShard-1)/cellsPerShard, most, len(p.Builds))
	list := make([]string, n)
	for i := range list {
		list[i] = Shard{i + 1, n}.String()
	}
	return list
}
