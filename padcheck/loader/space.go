package loader

import "slices"

// Space is an instance area's part for modules: it hands out bases for their
// sets and can run out. It allocates as vnet_data_alloc and vnet_data_free in
// sys/net/vnet.c and dpcpu_alloc and dpcpu_free in sys/kern/subr_pcpu.c do:
// first fit from a sorted list of free extents, sizes rounded up to pointers,
// neighbours merged when freed.
type Space struct {
	// Name is what the kernel calls it: vnet or pcpu.
	Name string
	// Start is the address of modspace, Size its length in bytes.
	Start, Size uint64
	// Align is what every base is aligned to: the size of a pointer.
	Align uint64

	free  []extent
	Users []User
}

// User is a set that holds a part of a space.
type User struct {
	Module     string
	Base, Size uint64
}

type extent struct{ start, len uint64 }

// NewSpace makes a space that is all free.
func NewSpace(name string, start, size, align uint64) *Space {
	return &Space{Name: name, Start: start, Size: size, Align: align, free: []extent{{start, size}}}
}

// Alloc takes size bytes for a module; false when no free extent is as long.
// An allocation of no bytes gets the address of the first extent, as in the
// kernel.
func (s *Space) Alloc(module string, size uint64) (base uint64, ok bool) {
	if size > s.Size {
		return 0, false
	}
	size = roundUp(size, s.Align)
	for i := range s.free {
		e := &s.free[i]
		if e.len < size {
			continue
		}
		base = e.start
		if e.len == size {
			s.free = slices.Delete(s.free, i, i+1)
		} else {
			e.start, e.len = e.start+size, e.len-size
		}
		if size > 0 { // nothing to give back, and the next set begins there too
			s.Users = append(s.Users, User{module, base, size})
		}
		return base, true
	}
	return 0, false
}

// Free gives back what Alloc returned.
func (s *Space) Free(base uint64) {
	u := slices.IndexFunc(s.Users, func(u User) bool { return u.Base == base })
	if u < 0 {
		return
	}
	size := s.Users[u].Size
	s.Users = slices.Delete(s.Users, u, u+1)
	i, _ := slices.BinarySearchFunc(s.free, base, func(e extent, base uint64) int {
		if e.start < base {
			return -1
		}
		return 1
	})
	s.free = slices.Insert(s.free, i, extent{base, size})
	if i+1 < len(s.free) && base+size == s.free[i+1].start {
		s.free[i].len += s.free[i+1].len
		s.free = slices.Delete(s.free, i+1, i+2)
	}
	if i > 0 && s.free[i-1].start+s.free[i-1].len == base {
		s.free[i-1].len += s.free[i].len
		s.free = slices.Delete(s.free, i, i+1)
	}
}

// byModule adds up what each module holds, in the order of their first sets.
func (s *Space) byModule() []User {
	var users []User
	for _, u := range s.Users {
		i := slices.IndexFunc(users, func(e User) bool { return e.Module == u.Module })
		if i < 0 {
			users = append(users, u)
			continue
		}
		users[i].Size += u.Size
	}
	return users
}

// Left is the number of free bytes, and of those in the longest extent.
func (s *Space) Left() (total, longest uint64) {
	for _, e := range s.free {
		total += e.len
		longest = max(longest, e.len)
	}
	return total, longest
}

// roundUp is the kernel's roundup2: to must be a power of two.
func roundUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }
