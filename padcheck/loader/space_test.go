package loader_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/loader"
)

// step is one call: an allocation of size bytes that must begin at base, or be
// refused; or, with free, the return of base.
type step struct {
	free    bool
	size    uint64
	base    uint64
	refused bool
	// left and longest are the free bytes afterwards.
	left, longest uint64
}

// TestSpace walks through the kernel's allocator in a space of 64 bytes at
// 0x1000 whose pointers have 8.
func TestSpace(t *testing.T) {
	for name, steps := range map[string][]step{
		"first fit, not best fit": {
			{size: 32, base: 0x1000, left: 32, longest: 32},
			{size: 8, base: 0x1020, left: 24, longest: 24},
			{size: 8, base: 0x1028, left: 16, longest: 16},
			{free: true, base: 0x1000, left: 48, longest: 32},
			{size: 16, base: 0x1000, left: 32, longest: 16}, // though [0x1030, 0x1040) fits exactly
		},
		"rounded up to pointers": {
			{size: 1, base: 0x1000, left: 56, longest: 56},
			{size: 9, base: 0x1008, left: 40, longest: 40},
			{size: 8, base: 0x1018, left: 32, longest: 32},
		},
		"exact fit": {
			{size: 64, base: 0x1000},
			{size: 1, refused: true},
			{size: 0, refused: true}, // not even nothing: there is no extent
			{free: true, base: 0x1000, left: 64, longest: 64},
			{size: 57, base: 0x1000},
		},
		"exhausted": {
			{size: 65, refused: true, left: 64, longest: 64},
			{size: 48, base: 0x1000, left: 16, longest: 16},
			{size: 17, refused: true, left: 16, longest: 16},
			{size: 16, base: 0x1030},
		},
		"in pieces": {
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{size: 16, base: 0x1010, left: 32, longest: 32},
			{size: 16, base: 0x1020, left: 16, longest: 16},
			{free: true, base: 0x1010, left: 32, longest: 16},
			{size: 24, refused: true, left: 32, longest: 16},
			{size: 16, base: 0x1010, left: 16, longest: 16},
		},
		"merged with the extent behind": {
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{size: 16, base: 0x1010, left: 32, longest: 32},
			{free: true, base: 0x1010, left: 48, longest: 48},
		},
		"merged with the extent before": {
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{size: 16, base: 0x1010, left: 32, longest: 32},
			{size: 32, base: 0x1020},
			{free: true, base: 0x1000, left: 16, longest: 16},
			{free: true, base: 0x1010, left: 32, longest: 32},
		},
		"merged with both": {
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{size: 16, base: 0x1010, left: 32, longest: 32},
			{size: 32, base: 0x1020},
			{free: true, base: 0x1000, left: 16, longest: 16},
			{free: true, base: 0x1020, left: 48, longest: 32},
			{free: true, base: 0x1010, left: 64, longest: 64},
		},
		"given back by a stranger": {
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{free: true, base: 0x1008, left: 48, longest: 48},
		},
		// A set of no bytes gets the address that the next one gets too.
		"an allocation of nothing": {
			{size: 0, base: 0x1000, left: 64, longest: 64},
			{size: 16, base: 0x1000, left: 48, longest: 48},
			{free: true, base: 0x1000, left: 64, longest: 64},
		},
		"sizes near 2^64": {
			{size: ^uint64(0), refused: true, left: 64, longest: 64},
			{size: ^uint64(0) - 7, refused: true, left: 64, longest: 64},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := loader.NewSpace("vnet", 0x1000, 64, 8)
			for i, step := range steps {
				if step.free {
					s.Free(step.base)
				} else {
					base, ok := s.Alloc("a", step.size)
					require.Equal(t, !step.refused, ok, "step %d", i)
					require.Equal(t, step.base, base, "step %d", i)
				}
				left, longest := s.Left()
				require.Equal(t, step.left, left, "free bytes after step %d", i)
				require.Equal(t, step.longest, longest, "longest extent after step %d", i)
			}
		})
	}
}

// bytemap is a space in which every byte is marked: slow, and without any of
// the bookkeeping that could go wrong.
type bytemap []bool

func (b bytemap) alloc(size uint64) (uint64, bool) {
	for at := range b {
		end := uint64(at) + size
		if end > uint64(len(b)) {
			break
		}
		free := true
		for _, used := range b[at:end] {
			free = free && !used
		}
		// The allocator hands out the start of an extent only.
		if free && (at == 0 || b[at-1]) {
			b.mark(uint64(at), size, true)
			return uint64(at), true
		}
	}
	return 0, false
}

func (b bytemap) mark(at, size uint64, used bool) {
	for i := range size {
		b[at+i] = used
	}
}

func (b bytemap) left() (total, longest uint64) {
	var run uint64
	for _, used := range b {
		if run++; used {
			run = 0
		} else {
			total++
		}
		longest = max(longest, run)
	}
	return total, longest
}

// TestSpaceModel compares thousands of random steps with the byte map.
func TestSpaceModel(t *testing.T) {
	const start, size, align = 0x8000, 256, 4
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := loader.NewSpace("pcpu", start, size, align)
		model := make(bytemap, size)
		type used struct{ base, size uint64 }
		var users []used
		for range 100 {
			if len(users) > 0 && random.IntN(5) < 2 {
				i := random.IntN(len(users))
				s.Free(users[i].base)
				model.mark(users[i].base-start, users[i].size, false)
				users = append(users[:i], users[i+1:]...)
			} else {
				n := uint64(1 + random.IntN(48))
				base, ok := s.Alloc("a", n)
				n = (n + align - 1) / align * align
				at, fits := model.alloc(n)
				require.Equal(t, fits, ok, "seed %d: %d bytes", seed, n)
				if !ok {
					continue
				}
				require.Equal(t, start+at, base, "seed %d: %d bytes", seed, n)
				users = append(users, used{base, n})
			}
			left, longest := s.Left()
			wantLeft, wantLongest := model.left()
			require.Equal(t, wantLeft, left, "seed %d", seed)
			require.Equal(t, wantLongest, longest, "seed %d", seed)
			require.Len(t, s.Users, len(users))
		}
	}
}
