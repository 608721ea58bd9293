package develop

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// moduleSource is the C source of a module with so many functions, always the
// same one. It is made like network modules are: functions that read and write
// virtualised and per-CPU variables, call the kernel, each other and through a
// table, and name themselves in messages. No reference leaves its array.
func moduleSource(name string, functions int) string {
	random := rand.New(rand.NewPCG(uint64(functions), 0))
	variables := max(functions/8, 1)
	any := func() int { return random.IntN(variables) }
	var b strings.Builder
	b.WriteString(`#include <kmodpad/module.h>
#include <kmodpad/vnet.h>

struct row {
	const char	*name;
	int		(*handle)(uintptr_t *, int);
	uintptr_t	 mask;
	uintptr_t	*cache;
};

int	note(const char *, ...);
`)
	for i := range variables {
		fmt.Fprintf(&b, `
VNET_DEFINE_STATIC(uintptr_t, stat_%[1]d[%[2]d]);
VNET_DEFINE(uintptr_t, limit_%[1]d) = %[3]d;
DPCPU_DEFINE(uintptr_t, seen_%[1]d[2]);
uintptr_t kernel_%[1]d(void *, uintptr_t);
extern int kernel_flags_%[1]d[8];
static uintptr_t cache_%[1]d[%[2]d];
`, i, 4<<random.IntN(4), random.IntN(1000))
	}
	for i := range functions {
		// One in three has a name that the linker sees until it is made local.
		storage := "static "
		if i%3 == 0 {
			storage = ""
			fmt.Fprintf(&b, "\nint handle_%d(uintptr_t *, int);", i)
		}
		fmt.Fprintf(&b, `
%[1]sint
handle_%[2]d(uintptr_t *p, int n)
{

	VNET(stat_%[3]d)[n & 3] += p[%[4]d];
	if (kernel_%[5]d(p, p[0] ^ %#[6]x) > VNET(limit_%[7]d)) {
		note("handle_%[2]d: %%d of %[8]d", n);
		return (%[4]d);
	}
`, storage, i, any(), random.IntN(9), any(), random.Uint32(), any(), random.IntN(1e6))
		switch random.IntN(3) {
		case 0:
			fmt.Fprintf(&b, "\tDPCPU_GET(seen_%d)[n & 1] += kernel_flags_%d[n & 7];\n", any(), any())
		case 1:
			fmt.Fprintf(&b, "\tcache_%d[n & 3] = VNET(stat_%d)[1] + kernel_%d(&VNET(limit_%d), n);\n", any(), any(), any(), any())
		case 2:
			fmt.Fprintf(&b, "\tif ((p[1] & %d) != 0)\n\t\treturn (handle_%d(p + 1, n - 1));\n", 1<<random.IntN(12), random.IntN(i+1))
		}
		fmt.Fprintf(&b, "\treturn (n + cache_%d[2]);\n}\n", any())
	}
	b.WriteString("\nstatic struct row rows[] = {\n")
	for i := range functions {
		fmt.Fprintf(&b, "\t{ \"%s.handle.%d\", handle_%d, %#x, cache_%d },\n", name, i, i, random.Uint32(), any())
	}
	fmt.Fprintf(&b, `};

int	%[1]s_run(uintptr_t *, int);

int
%[1]s_run(uintptr_t *p, int n)
{

	return (rows[n %% nitems(rows)].handle(p, n));
}

static moduledata_t %[1]s_mod = { "%[1]s", NULL, rows };
DECLARE_MODULE(%[1]s, %[1]s_mod);
MODULE_VERSION(%[1]s, 1);
`, name)
	return b.String()
}

// referencesName is the name of the module with so many references.
func referencesName(references int) string { return fmt.Sprintf("references%d", references) }

// rowOfReferences is how many references a line of referencesSource has; the
// assembler takes its time for lines, and less of it for words in them.
const rowOfReferences = 50

// referencesSource is the assembler source of an i386 module that has so many
// references to a virtualised array in its data.
func referencesSource(references int) string {
	var words []string
	for i := range rowOfReferences {
		words = append(words, fmt.Sprintf("vnet_entry_table+%d", 4*i))
	}
	return fmt.Sprintf(`	.globl __start_set_vnet, __stop_set_vnet
	.section set_vnet,"aw",%%progbits
vnet_entry_table:
	.zero 4*%d
	.data
	.rept %d
	.long %s
	.endr
	.section .note.GNU-stack,"",%%progbits
`, rowOfReferences, references/rowOfReferences, strings.Join(words, ","))
}
