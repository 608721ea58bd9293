package matrix

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/afero"

	"github.com/kmodpad/kmodpad/templates"
)

// Cache keeps what was found out, an entry a file, named by the hash of
// everything that it was found out from. An entry appears whole or not at all,
// so that runs neither disturb one another nor leave anything half done, and
// begins with the hash of the rest: one that is damaged counts as absent.
//
// A cache that cannot be written to keeps nothing, and says so once at the end
// (see [Cache.Err]).
type Cache struct {
	root string

	mu  sync.Mutex
	err error
}

// cacheVersion stands in the path of all entries. It grows when they change
// their form.
const cacheVersion = "matrix-1"

// OpenCache opens the cache in KMODPAD_CACHE, or else in the user's folder for
// such things.
func OpenCache() (*Cache, error) {
	dir := os.Getenv("KMODPAD_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no place to keep results: %w; set KMODPAD_CACHE", err)
		}
		dir = filepath.Join(base, "kmodpad")
	}
	return NewCache(dir), nil
}

// NewCache is a cache in a folder, which need not be there yet.
func NewCache(dir string) *Cache { return &Cache{root: filepath.Join(dir, cacheVersion)} }

// Err says why entries could not be kept, if so.
func (c *Cache) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Cache) path(kind, key string) string {
	return filepath.Join(c.root, kind, key[:2], key[2:])
}

// get reads an entry, and is false when there is none to be believed.
func (c *Cache) get(kind, key string) ([]byte, bool) {
	text, err := os.ReadFile(c.path(kind, key))
	if err != nil || len(text) < 2*sha256.Size+1 {
		return nil, false
	}
	sum, data := text[:2*sha256.Size], text[2*sha256.Size+1:]
	is := sha256.Sum256(data)
	if !bytes.Equal(sum, []byte(hex.EncodeToString(is[:]))) {
		return nil, false
	}
	used(c.path(kind, key), time.Now())
	return data, true
}

// put writes an entry.
func (c *Cache) put(kind, key string, data []byte) {
	sum := sha256.Sum256(data)
	text := fmt.Appendf(nil, "%s\n%s", hex.EncodeToString(sum[:]), data)
	if _, err := templates.Write(afero.NewOsFs(), c.path(kind, key), text); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.err = fmt.Errorf("results are not kept for the next run: %w", err)
		}
	}
}

// load reads an entry that holds JSON.
func (c *Cache) load(kind, key string, into any) bool {
	data, ok := c.get(kind, key)
	return ok && json.Unmarshal(data, into) == nil
}

// store writes an entry that holds JSON.
func (c *Cache) store(kind, key string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // values of this package, which all have a JSON form
	}
	c.put(kind, key, data)
}

// key hashes values into the name of an entry. Each is written with its length,
// so that no two lists of values run together.
func key(values ...string) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s\n", len(v), v)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sum is the hash of a file's content. It is kept by path, size and time of
// change, since compilers are large.
func (c *Cache) sum(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New(real + " is no file")
	}
	k := key(real, fmt.Sprint(info.Size()), fmt.Sprint(info.ModTime().UnixNano()))
	if was, ok := c.get("sum", k); ok {
		return string(was), nil
	}
	f, err := os.Open(real)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := f.WriteTo(h); err != nil {
		return "", fmt.Errorf("reading %s: %w", real, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	c.put("sum", k, []byte(sum))
	return sum, nil
}
