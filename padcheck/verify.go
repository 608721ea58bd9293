package padcheck

import "context"

// Options say how modules are verified. The zero value is the newest kernel
// profile with references traced back to FILE.kld beside FILE.ko if there.
type Options struct {
	Profile string   // release of the kernel: 12.1, 13.0, 14.0, 15.0 or a bare major number
	KLD     string   // output of link stage 1, or "auto" (the default), or "none"
	Kernel  string   // kernel file or list of its symbols
	With    []string // modules loaded before each of the files
}

// Verify dry-runs the load of each file into a kernel of its own.
func Verify(ctx context.Context, files []string, opt Options) (*Report, error) { return nil, nil }
