package matrix

// sampleMatrix is a small matrix with a cell of most kinds.
func sampleMatrix() *Matrix {
	at := func(arch, linker, strategy string) Coordinates {
		return Coordinates{arch, "clang-19", "-O2", linker, strategy, "below"}
	}
	m := &Matrix{
		Schema:     Schema,
		Toolchains: []Toolchain{{"clang-19", "19.1.7"}, {"ld.lld-19", "19.1.7"}},
		Cells: []Cell{
			{at("i386", "ld.lld-19", "none"), Result{
				State: Refused, Outside: 2, Rules: []string{"missing-sentinel", "reference-below-set"},
				Sets: []Set{{Name: "set_vnet", Size: 64, References: []Reference{{At: -32, Count: 1, Name: "table-32"}, {At: -4, Count: 1, Name: "table-4"}, {At: 0, Count: 2, Name: "table"}}}},
			}},
			{at("i386", "ld.lld-19", "measured"), Result{
				State: OK, Outside: 2, Added: 36,
				Sets: []Set{{Name: "set_vnet", Size: 100, Before: 32, After: 4, Sentinel: true, References: []Reference{{At: 0, Count: 1, Name: "table-32"}, {At: 28, Count: 1, Name: "table-4"}, {At: 32, Count: 2, Name: "table"}}}},
			}},
			{at("amd64", "ld.lld-19", "none"), Result{State: Impossible, Reason: "cannot be: clang-19 here does not compile for amd64"}},
		},
	}
	m.complete()
	return m
}
