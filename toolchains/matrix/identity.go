package matrix

import (
	"context"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmodpad/kmodpad/kmodmk/run"
	"github.com/kmodpad/kmodpad/toolchains"
)

// identities hash programs, each once in a run.
type identities struct {
	cache *Cache
	mu    sync.Mutex
	known map[string]func() (string, error)
}

// of is the hash of a program with all that it runs by: its own file, the shared
// libraries it loads (Debian's clang is a stub of a hundred kilobytes before
// libLLVM), and for a gcc the compiler and the assembler behind it.
func (ids *identities) of(ctx context.Context, program string, kind toolchains.Kind) (string, error) {
	ids.mu.Lock()
	if ids.known == nil {
		ids.known = make(map[string]func() (string, error))
	}
	once, ok := ids.known[program]
	if !ok {
		once = sync.OnceValues(func() (string, error) { return ids.find(ctx, program, kind) })
		ids.known[program] = once
	}
	ids.mu.Unlock()
	return once()
}

func (ids *identities) find(ctx context.Context, program string, kind toolchains.Kind) (string, error) {
	own, err := ids.cache.sum(program)
	if err != nil {
		return "", err
	}
	files := []string{program}
	if kind == toolchains.GCC {
		files = append(files, ids.behind(ctx, program, own)...)
	}
	parts := []string{own}
	for _, f := range libraries(files) {
		if sum, err := ids.cache.sum(f); err == nil {
			parts = append(parts, sum)
		}
	}
	return key(parts...), nil
}

// behind finds the programs that a gcc runs. Asking takes time, and the answer
// is kept as long as the gcc is the same.
func (ids *identities) behind(ctx context.Context, gcc, sum string) []string {
	var files []string
	k := key(gcc, sum)
	if ids.cache.load("behind", k, &files) {
		return files
	}
	for _, name := range []string{"cc1", "as"} {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		result, err := run.Run(limited, run.Command{Path: gcc, Args: []string{"-print-prog-name=" + name}})
		cancel()
		if file := strings.TrimSpace(string(result.Stdout)); err == nil && filepath.IsAbs(file) {
			files = append(files, file)
		}
	}
	ids.cache.store("behind", k, files)
	return files
}

// libraries are the files, and the shared libraries they need, and those that
// these need. It looks where a dynamic linker usually does; a library that it
// misses is one whose change is not noticed.
func libraries(files []string) []string {
	var all []string
	for len(files) > 0 {
		file := files[0]
		files = files[1:]
		real, err := filepath.EvalSymlinks(file)
		if err != nil || slices.Contains(all, real) {
			continue
		}
		all = append(all, real)
		e, err := elf.Open(real)
		if err != nil {
			continue // a script, or a program of another kind of system
		}
		needed, _ := e.ImportedLibraries()
		runpath, _ := e.DynString(elf.DT_RUNPATH)
		rpath, _ := e.DynString(elf.DT_RPATH)
		e.Close()
		var dirs []string
		for _, list := range append(rpath, runpath...) {
			for _, dir := range filepath.SplitList(list) {
				dirs = append(dirs, strings.NewReplacer("${ORIGIN}", filepath.Dir(real), "$ORIGIN", filepath.Dir(real)).Replace(dir))
			}
		}
		dirs = append(dirs, libraryDirs()...)
		for _, name := range needed {
			for _, dir := range dirs {
				lib := filepath.Join(dir, name)
				if _, err := os.Stat(lib); err == nil {
					files = append(files, lib)
					break
				}
			}
		}
	}
	return all
}

var libraryDirs = sync.OnceValue(func() []string {
	dirs := []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*"} {
		more, _ := filepath.Glob(pattern)
		dirs = append(more, dirs...)
	}
	return dirs
})

// toolName says which files of PATH may be asked by [toolchains.Find].
var toolName = regexp.MustCompile(`clang|gcc|ld|objcopy|qemu`)

// Find is [toolchains.Find] with its answer kept as long as no file on PATH that
// is named like a toolchain has changed: asking all of them takes seconds.
func Find(ctx context.Context, cache *Cache, path string) (*toolchains.Toolchains, error) {
	parts := []string{path}
	for _, dir := range filepath.SplitList(path) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if !toolName.MatchString(e.Name()) {
				continue
			}
			name := filepath.Join(dir, e.Name())
			real, err := filepath.EvalSymlinks(name)
			if err != nil {
				continue
			}
			if info, err := os.Stat(real); err == nil {
				parts = append(parts, fmt.Sprint(name, " ", real, " ", info.Size(), " ", info.ModTime().UnixNano(), " ", info.Mode()))
			}
		}
	}
	k := key(append(parts, self(cache))...)
	found := &toolchains.Toolchains{}
	if cache.load("tools", k, found) {
		return found, nil
	}
	found, err := toolchains.Find(ctx, path)
	if err == nil {
		cache.store("tools", k, found)
	}
	return found, err
}

// self stands for the rules: the hash of this very program. Whatever changes in
// the loader, the rules or the scripts, no result of the program before the
// change is believed. A version number would have to be remembered.
func self(cache *Cache) string {
	name, err := os.Executable()
	if err == nil {
		var sum string
		if sum, err = cache.sum(name); err == nil {
			return sum
		}
	}
	return hex.EncodeToString(fmt.Append(nil, "unknown ", err, time.Now()))
}
