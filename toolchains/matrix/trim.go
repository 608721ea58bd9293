package matrix

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Entries that no run has used for a month go. That is looked for once a day,
// and an entry that is used is marked so no more often than that.
const (
	keepEntries = 30 * 24 * time.Hour
	trimEvery   = 24 * time.Hour
)

// used marks an entry that was read as one to keep.
func used(name string, now time.Time) {
	if info, err := os.Stat(name); err == nil && now.Sub(info.ModTime()) > trimEvery {
		_ = os.Chtimes(name, time.Time{}, now) // if it can't be, it is made again one day
	}
}

// Trim removes entries that have not been used for long. Every change of a
// program, and of kmodpad itself, leaves some behind.
func (c *Cache) Trim() { c.trim(time.Now()) }

func (c *Cache) trim(now time.Time) {
	stamp := filepath.Join(c.root, "trimmed")
	if info, err := os.Stat(stamp); err == nil && now.Sub(info.ModTime()) < trimEvery {
		return
	}
	if os.WriteFile(stamp, nil, 0o644) != nil || os.Chtimes(stamp, time.Time{}, now) != nil {
		return
	}
	_ = filepath.WalkDir(c.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // another run may have removed it
		}
		if info, err := d.Info(); err == nil && now.Sub(info.ModTime()) > keepEntries {
			_ = os.Remove(name)
		}
		return nil
	})
}
