package kmodmk_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// cModule is the C source of a module made at random: arrays inside the sets and
// beside them, in any order, and functions and pointers that refer to their
// elements, to those one before and after, and to some further out.
type cModule struct {
	rand *rand.Rand
	vars []cArray
	text strings.Builder
	// sets counts the arrays in each set.
	sets map[string]int
}

// cArray is one array of structures.
type cArray struct {
	place  string // set_vnet, set_pcpu, data, bss, rodata, methods
	name   string
	access string // how code refers to it
	symbol string // how an initialiser does
	unit   string // type of the structures' fields
	width  int    // of a field, in bytes
	fields int
	length int
}

// size is that of one structure.
func (a cArray) size() int { return a.width * a.fields }

// furthest is how far out of an array a reference may go, in bytes.
const furthest = 1500

func newModule(r *rand.Rand) *cModule {
	m := &cModule{rand: r, sets: make(map[string]int)}
	m.line("#include <kmodpad/vnet.h>\ntypedef __UINT16_TYPE__ uint16_t;\nint run(void) { return 1; }")
	places := []string{"data", "data", "bss", "bss", "rodata", "methods"}
	for _, set := range []string{"set_vnet", "set_pcpu"} {
		if r.IntN(4) > 0 {
			places = append(places, set, set)
			m.array(len(m.vars), set)
		}
	}
	for range r.IntN(8) {
		m.array(len(m.vars), places[r.IntN(len(places))])
	}
	if len(m.vars) == 0 {
		m.array(0, "data")
	}
	r.Shuffle(len(m.vars), func(i, j int) { m.vars[i], m.vars[j] = m.vars[j], m.vars[i] })
	for _, a := range m.vars {
		m.define(a)
	}
	for i := range 2 + r.IntN(16) {
		m.use(i, m.vars[r.IntN(len(m.vars))])
	}
	return m
}

func (m *cModule) line(format string, args ...any) { fmt.Fprintf(&m.text, format+"\n", args...) }

// array adds an array that is not defined yet.
func (m *cModule) array(i int, place string) {
	unit := m.rand.IntN(3)
	a := cArray{
		place: place, name: fmt.Sprint("a", i), unit: []string{"uint8_t", "uint16_t", "uint32_t"}[unit], width: 1 << unit,
		fields: 1 + m.rand.IntN(9), length: 1 + m.rand.IntN(12),
	}
	switch place {
	case "set_vnet":
		a.access, a.symbol = "VNET("+a.name+")", "VNET_NAME("+a.name+")"
		m.sets[place]++
	case "set_pcpu":
		a.access, a.symbol = "DPCPU_GET("+a.name+")", "DPCPU_NAME("+a.name+")"
		m.sets[place]++
	default:
		a.access, a.symbol = a.name, a.name
	}
	m.vars = append(m.vars, a)
}

// define defines an array. The order of definitions is that of the section.
func (m *cModule) define(a cArray) {
	m.line("struct s%s { %s f[%d]; };", a.name, a.unit, a.fields)
	value := []string{"", " = {{{1}}}"}[m.rand.IntN(2)]
	static := []string{"", "_STATIC"}[m.rand.IntN(2)]
	switch a.place {
	case "set_vnet":
		m.line("VNET_DEFINE%s(struct s%s, %s[%d])%s;", static, a.name, a.name, a.length, value)
	case "set_pcpu":
		m.line("DPCPU_DEFINE%s(struct s%s, %s[%d])%s;", static, a.name, a.name, a.length, value)
	case "data":
		m.line("static struct s%s %s[%d] = {{{1}}};", a.name, a.name, a.length)
	case "bss":
		m.line("static struct s%s %s[%d];", a.name, a.name, a.length)
	case "rodata":
		m.line("static const struct s%s %s[%d] = {{{1}}};", a.name, a.name, a.length)
	case "methods": // a linker set of the module's own
		m.line("extern struct s%s __start_set_%s[], __stop_set_%s[];", a.name, a.name, a.name)
		m.line("static struct s%s %s[%d] __attribute__((section(\"set_%s\"), used)) = {{{1}}};", a.name, a.name, a.length, a.name)
		m.line("uintptr_t methods_%s(void) { uintptr_t n = 0; for (struct s%s *p = __start_set_%s; p < __stop_set_%s; p++) n += p->f[0]; return n; }", a.name, a.name, a.name, a.name)
	}
}

// use refers to an array in one of the ways that compilers fold.
func (m *cModule) use(i int, a cArray) {
	field := m.rand.IntN(a.fields)
	out := 1 + m.rand.IntN(max(1, min(2*a.length, furthest/a.size())))
	head := fmt.Sprintf("uintptr_t use%d(unsigned int n, uintptr_t v)", i)
	put := "= v++"
	if a.place == "rodata" { // which is only read
		put = "+ 0"
	}
	switch m.rand.IntN(7) {
	case 0: // from first to last, by index
		m.line("%s { for (unsigned int i = 0; i < %d; i++) v += (%s[i].f[%d] %s); return v; }", head, a.length, a.access, field, put)
	case 1: // the same with a value that no index gives
		m.line("%s { for (unsigned int i = 0; i < %d; i++) { v += (%s[i].f[%d] %s); v += (%s[i].f[0] %s); } return v; }", head, a.length, a.access, field, put, a.access, put)
	case 2: // counted from one or more
		m.line("%s { return v + (%s[n - %d].f[%d] %s); }", head, a.access, out, field, put)
	case 3: // looking ahead
		m.line("%s { return v + (%s[n + %d].f[%d] %s); }", head, a.access, out, field, put)
	case 4: // by pointer up to the end
		m.line("%s { for (__typeof__(&%s[0]) p = &%s[0]; p != &%s[%d]; p++) v += (p->f[%d] %s); return v + n; }", head, a.access, a.access, a.access, a.length, field, put)
	case 5: // the address of a field past the end or before the start
		index := a.length - 1 + out
		if m.rand.IntN(2) == 0 {
			index = -out
		}
		m.line("%s { return v + n + (uintptr_t)&%s[%d].f[%d]; }", head, a.access, index, field)
	case 6: // the same in initialised data
		index := a.length - 1 + out
		if m.rand.IntN(2) == 0 {
			index = -out
		}
		m.line("const void *at%d = &%s[%d].f[%d];", i, a.symbol, index, field)
	}
}

// source is the module's text.
func (m *cModule) source() string { return m.text.String() }
