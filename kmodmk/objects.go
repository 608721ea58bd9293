package kmodmk

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kmodpad/kmodpad/padcheck/object"
)

// bitcode are the first bytes of files of LLVM's intermediate code, bare and in
// a wrapper.
var bitcode = [][]byte{{'B', 'C', 0xc0, 0xde}, {0xde, 0xc0, 0x17, 0x0b}}

// checkObject refuses an object that holds a compiler's intermediate code in
// place of the machine's. Some linkers refuse it in words that say little, some
// leave it out, and some compile it, without the flags of the kernel.
func checkObject(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	magic := make([]byte, len(bitcode[0]))
	if _, err := io.ReadFull(f, magic); err != nil {
		return fmt.Errorf("%s: not an object file: it is shorter than its first word", name)
	}
	for _, m := range bitcode {
		if bytes.Equal(magic, m) {
			return fmt.Errorf("%s: LLVM bitcode, not machine code: compile without -flto", name)
		}
	}
	if string(magic) != "\x7fELF" {
		return nil // an archive, perhaps: the linker says what it is
	}
	slim, err := isSlim(name)
	if err == nil && slim {
		return fmt.Errorf("%s: GCC's intermediate code without machine code: compile without -flto, or with -ffat-lto-objects", name)
	}
	return err
}

// isSlim says that an object of GCC's holds nothing but intermediate code.
func isSlim(name string) (bool, error) {
	f, err := object.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	intermediate := false
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Alloc() && s.Size > 0 {
			return false, nil
		}
		intermediate = intermediate || strings.HasPrefix(s.Name, ".gnu.lto_")
	}
	return intermediate, nil
}
