package reloc_test

import (
	"debug/elf"
	"encoding/binary"

	"github.com/kmodpad/kmodpad/padcheck/reloc"
)

// fake is a loader with one set of its own, at [setStart, setStop), whose
// instances begin at setBase.
type fake struct {
	symbols map[uint32]uint64 // by number; others are undefined
	memory  map[uint64][]byte // by address
}

const (
	setStart  = 0x20002000
	setStop   = 0x20002040
	setBase   = 0x31000000
	setNumber = 5
)

func (k *fake) Lookup(o *reloc.Op) bool {
	s, ok := k.symbols[o.Symbol]
	o.S, o.X = s, s
	return ok
}

func (k *fake) Relocaddr(o *reloc.Op, x uint64) uint64 {
	o.X = x
	if x >= setStart && x < setStop {
		o.Set = setNumber
		return x - setStart + setBase
	}
	return x
}

func (k *fake) Read(addr, n uint64) []byte {
	if b := k.memory[addr]; uint64(len(b)) >= n {
		return b[:n]
	}
	return nil
}

// word reads a field of 2, 4 or 8 bytes.
func word(m *reloc.Machine, b []byte) uint64 {
	var v uint64
	for i, c := range b {
		if m.Arch.Order == binary.BigEndian {
			v = v<<8 | uint64(c)
		} else {
			v |= uint64(c) << (8 * i)
		}
	}
	return v
}

// Types that debug/elf does not name for both sizes.
const (
	ppcRelative  = uint32(elf.R_PPC_RELATIVE)
	ppcIrelative = 248
)
