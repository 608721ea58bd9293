package object_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/padcheck/object"
)

// relocatable makes a relocatable amd64 file with n relocations, each of which
// has its number in all three fields.
func relocatable(n int) []byte {
	const header, entry = 64, 24
	le := binary.LittleEndian
	data := make([]byte, header, header+n*entry+3*64)
	copy(data, elf.ELFMAG)
	data[elf.EI_CLASS], data[elf.EI_DATA], data[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	le.PutUint16(data[16:], uint16(elf.ET_REL))
	le.PutUint16(data[18:], uint16(elf.EM_X86_64))
	le.PutUint32(data[20:], 1)
	le.PutUint64(data[40:], uint64(header+n*entry)) // e_shoff
	le.PutUint16(data[58:], 64)                     // e_shentsize
	le.PutUint16(data[60:], 2)                      // e_shnum
	for i := range n {
		data = le.AppendUint64(data, uint64(i))
		data = le.AppendUint64(data, uint64(i)<<32|uint64(i)&0xffff)
		data = le.AppendUint64(data, -uint64(i))
	}
	data = append(data, make([]byte, 2*64)...)
	section := data[len(data)-64:]
	le.PutUint32(section[4:], uint32(elf.SHT_RELA))
	le.PutUint64(section[24:], header)
	le.PutUint64(section[32:], uint64(n*entry))
	return data
}

// TestRelocationsInPieces reads a table that is larger than what is kept of it
// in memory, from front to back and at random.
func TestRelocationsInPieces(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 8192, 20001} {
		data := relocatable(n)
		f, err := object.New("a.o", bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		table, err := f.Relocations(&f.Sections[1])
		require.NoError(t, err)
		require.Equal(t, n, table.Len)
		check := func(i int) {
			want := object.Relocation{Offset: uint64(i), Type: uint32(i) & 0xffff, Symbol: uint32(i), Addend: -int64(i)}
			require.Equal(t, want, table.At(i))
		}
		for i := range n {
			check(i)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range min(n, 1000) {
			check(random.IntN(n))
		}
		require.NoError(t, table.Err())
	}
}

// failing is a file on a disk that gives up behind some offset.
type failing struct {
	*bytes.Reader
	from int64
}

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.from && off < f.Size()-200 { // the headers are at the end
		return 0, &os.PathError{Op: "read", Path: "a.o", Err: io.ErrUnexpectedEOF}
	}
	return f.Reader.ReadAt(b, off)
}

// TestReadError tells a table that ends from one that cannot be read.
func TestReadError(t *testing.T) {
	data := relocatable(9000)
	f, err := object.New("a.o", failing{bytes.NewReader(data), 64 + 24*6000}, int64(len(data)))
	require.NoError(t, err)
	table, err := f.Relocations(&f.Sections[1])
	require.NoError(t, err)
	require.Zero(t, table.At(0).Offset)
	require.EqualValues(t, 4095, table.At(4095).Offset)
	require.NoError(t, table.Err())
	require.Equal(t, object.Relocation{}, table.At(4096))
	require.EqualError(t, table.Err(), "a.o: unexpected EOF")
}

// TestOpen reads files on both sides of the size up to which a file is read at
// once.
func TestOpen(t *testing.T) {
	for _, n := range []int{10, 50000} {
		path := filepath.Join(t.TempDir(), "a.o")
		require.NoError(t, os.WriteFile(path, relocatable(n), 0o600))
		f, err := object.Open(path)
		require.NoError(t, err)
		table, err := f.Relocations(&f.Sections[1])
		require.NoError(t, err)
		require.EqualValues(t, n-1, table.At(n-1).Offset)
		require.NoError(t, f.Close())
	}
}

// TestErrorLine keeps names from the file from writing to the terminal.
func TestErrorLine(t *testing.T) {
	for what, want := range map[string]string{
		"section .text":          "a.ko: section .text",
		"section \x1b[31mred":    `a.ko: section \x1b[31mred`,
		"section a\nb\tc\x00":    `a.ko: section a\nb\tc\x00`,
		"section \xff\xfe":       `a.ko: section \xff\xfe`,
		"section \u009b2J":       `a.ko: section \u009b2J`,
		"section \u202egnp.exe":  `a.ko: section \u202egnp.exe`,
		"section größe \"a\" \\": "a.ko: section größe \"a\" \\",
	} {
		err := error(&object.FormatError{Path: "a.ko", What: what})
		require.Equal(t, want, err.Error())
		var fe *object.FormatError
		require.True(t, errors.As(err, &fe))
	}
}

// TestParseNothing has neither bytes nor a reader.
func TestParseNothing(t *testing.T) {
	_, err := object.Parse("a.ko", nil)
	require.EqualError(t, err, "a.ko: the file is empty")
}

// TestLongNames gives a symbol table whose names all run to the end of a long
// string table: looking at every one must not take forever.
func TestLongNames(t *testing.T) {
	f, err := object.Parse("a.o", relocatable(0))
	require.NoError(t, err)
	const n = 2000
	strs := bytes.Repeat([]byte{'x'}, 1<<20)
	strs[len(strs)-1] = 0
	data := make([]byte, n*24)
	for i := range n {
		binary.LittleEndian.PutUint32(data[i*24:], uint32(i))
	}
	symbols := f.NewSymbols(data, string(strs))
	budget(t, len(strs), func() {
		for i := range uint32(n) {
			require.Len(t, symbols.Name(symbols.At(i)), len(strs)-1-int(i))
		}
	})
}
