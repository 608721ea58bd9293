package padcheck

import (
	"path/filepath"
	"testing"
)

// BenchmarkVerify verifies the witness modules, one after the other.
func BenchmarkVerify(b *testing.B) {
	files, err := filepath.Glob("../testdata/witness/*/mix.ko")
	if err != nil || len(files) == 0 {
		b.Fatal("no modules", err)
	}
	s, err := NewSession(Options{KLD: NoKLD})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range files {
			if _, err := s.VerifyFile(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}
