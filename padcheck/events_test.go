package padcheck_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/kmodpad/kmodpad/kmodmk"
	"github.com/kmodpad/kmodpad/kmodmk/magetarget"
	"github.com/kmodpad/kmodpad/kmodmk/newmod"
	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/object"
	"github.com/kmodpad/kmodpad/toolchains"
)

// eventsSource has what orders can go wrong over: members that are equal in
// subsystem and order, a dummy, functions of the kernel's, and two modules, one
// of which is told to load before a vnet's destructor is registered.
const eventsSource = `
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <net/vnet.h>

VNET_DEFINE_STATIC(int, state);
static int datum;

#define	BODY(name) static void name(void *p __unused) { VNET(state)++; datum++; }
BODY(tie_a) BODY(tie_b) BODY(low) BODY(never)
BODY(make) BODY(make_later) BODY(unmake) BODY(unmake_later)
BODY(undo_a) BODY(undo_b) BODY(undo_high)
void	imported(void *);

SYSINIT(tie_a, SI_SUB_PSEUDO, SI_ORDER_MIDDLE, tie_a, NULL);
SYSINIT(tie_b, SI_SUB_PSEUDO, SI_ORDER_MIDDLE, tie_b, &datum);
SYSINIT(low, SI_SUB_INIT_IF, SI_ORDER_FIRST, low, NULL);
SYSINIT(never, SI_SUB_DUMMY, SI_ORDER_FIRST, never, NULL);
SYSINIT(imported, 0x7000001, SI_ORDER_ANY - 1, imported, NULL);

SYSUNINIT(undo_a, SI_SUB_PSEUDO, SI_ORDER_MIDDLE, undo_a, NULL);
SYSUNINIT(undo_b, SI_SUB_PSEUDO, SI_ORDER_MIDDLE, undo_b, NULL);
SYSUNINIT(undo_high, SI_SUB_PROTO_END, SI_ORDER_MIDDLE + 2, undo_high, NULL);

VNET_SYSINIT(make_later, SI_SUB_PROTO_END, SI_ORDER_ANY, make_later, NULL);
VNET_SYSINIT(make, SI_SUB_PROTO_IF, SI_ORDER_SECOND, make, NULL);
VNET_SYSUNINIT(unmake, SI_SUB_PROTO_IF, SI_ORDER_THIRD, unmake, NULL);
VNET_SYSUNINIT(unmake_later, SI_SUB_PROTO_END, SI_ORDER_ANY, unmake_later, NULL);

static int
handler(module_t m __unused, int type, void *p __unused)
{
	return (type == MOD_LOAD ? 0 : datum);
}
static moduledata_t early_mod = { "early", handler, NULL };
static moduledata_t late_mod = { "late", NULL, NULL };
static moduledata_t mute_mod = { "mute", handler, NULL };
DECLARE_MODULE(early, early_mod, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
KMODPAD_METADATA(md_mute, MDT_MODULE, &mute_mod, "mute");
DECLARE_MODULE(late, late_mod, SI_SUB_PROTO_END, SI_ORDER_FIRST);

/* What SYSINIT makes of a function in a kernel with options TSLOG. */
struct sysinit_tslog {
	void		(*func)(void *);
	const void	*data;
	const char	*name;
};
BODY(shimmed)
static void
sysinit_tslog_shim(void *p)
{
	struct sysinit_tslog *x = p;

	x->func((void *)(uintptr_t)x->data);
}
static struct sysinit_tslog shimmed_tslog = { shimmed, &datum, "shimmed" };
SYSINIT(shimmed, SI_SUB_PROTO_END, SI_ORDER_SECOND, sysinit_tslog_shim, &shimmed_tslog);
`

// What of it runs, worked out by hand from the kernel's sources. Equal members
// change places when a lower one that stands behind them comes to the front.
var wantEvents = map[string][]string{
	padcheck.PhaseLoad: {
		"SI_SUB_INIT_IF SI_ORDER_FIRST low",
		"SI_SUB_DRIVERS SI_ORDER_MIDDLE handler(MOD_LOAD) of module early",
		"SI_SUB_PSEUDO SI_ORDER_MIDDLE tie_b",
		"SI_SUB_PSEUDO SI_ORDER_MIDDLE tie_a",
		"0x7000001 SI_ORDER_ANY-1 imported",
		"SI_SUB_PROTO_IF SI_ORDER_SECOND make in every vnet",
		"SI_SUB_PROTO_IF SI_ORDER_THIRD (registers unmake)",
		"SI_SUB_PROTO_END SI_ORDER_FIRST modevent_nop(MOD_LOAD) of module late",
		"SI_SUB_PROTO_END SI_ORDER_SECOND shimmed",
		"SI_SUB_PROTO_END SI_ORDER_ANY (registers unmake_later)",
		"SI_SUB_PROTO_END SI_ORDER_ANY make_later in every vnet",
	},
	padcheck.PhaseVnetCreate: {
		"SI_SUB_PROTO_IF SI_ORDER_SECOND make",
		"SI_SUB_PROTO_END SI_ORDER_ANY make_later",
	},
	padcheck.PhaseVnetDestroy: {
		"SI_SUB_PROTO_END SI_ORDER_ANY unmake_later",
		"SI_SUB_PROTO_IF SI_ORDER_THIRD unmake",
	},
	padcheck.PhaseUnload: {
		"modevent_nop(MOD_QUIESCE) of module late",
		"handler(MOD_QUIESCE) of module early",
		"handler(MOD_QUIESCE) of module mute",
		"modevent_nop(MOD_UNLOAD) of module late",
		"handler(MOD_UNLOAD) of module early",
		"handler(MOD_UNLOAD) of module mute",
		"SI_SUB_PROTO_END SI_ORDER_ANY (deregisters make_later)",
		"SI_SUB_PROTO_END SI_ORDER_ANY unmake_later in every vnet",
		"SI_SUB_PROTO_END SI_ORDER_MIDDLE+2 undo_high",
		"SI_SUB_PROTO_IF SI_ORDER_THIRD unmake in every vnet",
		"SI_SUB_PROTO_IF SI_ORDER_SECOND (deregisters make)",
		"SI_SUB_PSEUDO SI_ORDER_MIDDLE undo_b",
		"SI_SUB_PSEUDO SI_ORDER_MIDDLE undo_a",
	},
	padcheck.PhaseShutdown: {
		"modevent_nop(MOD_SHUTDOWN) of module late",
		"handler(MOD_SHUTDOWN) of module mute",
		"handler(MOD_SHUTDOWN) of module early",
	},
}

// eventArchs are those that the module is built for: both loaders, both widths
// and both byte orders, relocations with addends and without.
var eventArchs = []string{"aarch64", "amd64", "armv7", "i386", "powerpc", "powerpc64", "riscv64"}

// eventModules gives the bytes of the built module by architecture.
type eventModules func(t *testing.T) map[string]string

var eventTools = sync.OnceValues(func() (*toolchains.Toolchains, error) {
	return toolchains.Find(context.Background(), os.Getenv("PATH"))
})

// The module in the form of FreeBSD 14 and later, and in the one before.
var newForm, oldForm = buildEvents("1400097"), buildEvents("1300139")

// buildEvents builds the module once, with the headers of a release.
func buildEvents(version string) eventModules {
	var once sync.Once
	built := map[string]string{}
	return func(t *testing.T) map[string]string {
		t.Helper()
		for _, program := range []string{"clang-19", "ld.lld-19"} {
			if _, err := exec.LookPath(program); err != nil {
				if os.Getenv("KMODPAD_REQUIRE") == "all" {
					t.Fatalf("%s is not installed, but KMODPAD_REQUIRE=all requires it", program)
				}
				t.Skipf("%s is not installed", program)
			}
		}
		once.Do(func() {
			dir, err := os.MkdirTemp("", "events-")
			require.NoError(t, err)
			_, err = newmod.New(afero.NewOsFs(), dir, newmod.Options{Name: "first"})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "first.c"), []byte(eventsSource), 0o644))
			config, err := kmodmk.Load(afero.NewOsFs(), filepath.Join(dir, kmodmk.ConfigName))
			require.NoError(t, err)
			m := config.Modules[0]
			m.Archs, m.Compilers, m.Linkers = eventArchs, []string{"clang-19"}, []string{"ld.lld-19"}
			m.CFlags = append(m.CFlags, "-D__FreeBSD_version="+version)
			found, err := eventTools()
			require.NoError(t, err)
			result, err := kmodmk.Build(context.Background(), config, magetarget.Tools(found), kmodmk.Options{
				Verify: func(context.Context, string, string) (*padcheck.Module, error) {
					return &padcheck.Module{Verdict: padcheck.OK}, nil
				}})
			require.NoError(t, err)
			for _, row := range result.Rows {
				require.NoError(t, row.Err, row.Arch)
				data, err := os.ReadFile(filepath.Join(dir, row.Plan.KO))
				require.NoError(t, err)
				built[row.Arch] = string(data)
			}
			require.NoError(t, os.RemoveAll(dir))
		})
		require.Len(t, built, len(eventArchs), "the build failed in another test")
		return built
	}
}

// readEvents reads the events of a module that is in memory.
func readEvents(data []byte, release string) (*padcheck.Events, error) {
	s, err := padcheck.NewSession(padcheck.Options{Profile: release})
	if err != nil {
		return nil, err
	}
	f, err := object.Parse("a.ko", data)
	if err != nil {
		return nil, err
	}
	k, err := s.Boot(f)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	m, err := s.Load(k, f)
	if err != nil {
		return nil, err
	}
	return padcheck.NewEvents(k, m)
}

// placed is a step with its place.
func placed(s padcheck.Step) string {
	if s.Subsystem == nil {
		return s.String()
	}
	return s.Subsystem.Name + " " + s.Order.Name + " " + s.String()
}

// TestEvents reads a real module for every kind of machine, in both forms of
// struct sysinit.
func TestEvents(t *testing.T) {
	for release, modules := range map[string]eventModules{"12.1": oldForm, "13.0": oldForm, "14.0": newForm, "15.0": newForm} {
		for arch, data := range modules(t) {
			e, err := readEvents([]byte(data), release)
			require.NoError(t, err)
			require.Equal(t, arch, e.Arch)
			for i, name := range padcheck.PhaseNames {
				require.Equal(t, name, e.Phases[i].Name)
				got := []string{}
				for _, s := range e.Phases[i].Steps {
					got = append(got, placed(s))
				}
				require.Equal(t, wantEvents[name], got, "%s on %s, FreeBSD %s", name, arch, release)
			}
			require.Equal(t, "datum", e.Phases[0].Steps[2].Argument, arch)
			require.Empty(t, e.Phases[0].Steps[3].Argument, arch)
			require.Equal(t, "datum", e.Phases[0].Steps[8].Argument, arch)
			require.Len(t, e.Notes, 6, "%q", e.Notes)
			for i, text := range []string{
				"event handlers do not reverse",
				"unmake runs after MOD_UNLOAD of early, although it was registered after MOD_LOAD",
				"unmake_later runs after MOD_UNLOAD of early, late",
				"module mute is never told MOD_LOAD",
				"module late has no event handler",
				"at shutdown no SYSUNINIT",
			} {
				require.Contains(t, e.Notes[i], text)
			}
		}
	}
}

// TestEventsForm loads the modules into kernels of the other form, which would
// call the wrong field. They are read as they were meant, and a note says so.
func TestEventsForm(t *testing.T) {
	for release, modules := range map[string]eventModules{"12.1": newForm, "13.0": newForm, "14.0": oldForm, "15.0": oldForm} {
		for arch, data := range modules(t) {
			e, err := readEvents([]byte(data), release)
			require.NoError(t, err)
			require.Len(t, e.Phases[0].Steps, len(wantEvents[padcheck.PhaseLoad]), arch)
			text := "of the form of FreeBSD 14 and later: FreeBSD " + release + " would call address 0"
			if strings.HasPrefix(release, "14") || strings.HasPrefix(release, "15") {
				text = "of the form of FreeBSD 13 and before: FreeBSD " + release + " would call the arguments"
			}
			require.Contains(t, e.Notes[len(e.Notes)-1], text, arch)
		}
	}
}

// TestEventsWrite writes them for people and for programs.
func TestEventsWrite(t *testing.T) {
	e, err := readEvents([]byte(newForm(t)["i386"]), "")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, e.Write(&out, "text"))
	requireText(t, out.String())
	for _, line := range []string{
		"a.ko  (i386, link_elf, FreeBSD 15.0)\n\nwhen it is loaded, after boot\n   1  SI_SUB_INIT_IF              SI_ORDER_FIRST    low\n",
		"\nwhen it is unloaded\n   1  -                           -                 modevent_nop(MOD_QUIESCE) of module late\n",
		"\nnote: event handlers do not reverse",
	} {
		require.Contains(t, out.String(), line)
	}
	out.Reset()
	require.NoError(t, e.Write(&out, "json"))
	var back padcheck.Events
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, e, &back)
	require.ErrorContains(t, e.Write(&out, "yaml"), `unknown format "yaml"`)
}

// TestEventsBad spoils modules in one byte each, those of the sets and of the
// structures that they lead to among them, which no loader has checked.
func TestEventsBad(t *testing.T) {
	for _, arch := range []string{"aarch64", "amd64", "i386", "powerpc64"} {
		module := newForm(t)[arch]
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			data := []byte(module)
			good, bad, noted := 0, 0, 0
			for i := 0; i < len(data); i += 3 { // prime to every field's size
				was := data[i]
				data[i] = ^was
				e, err := readEvents(data, "")
				data[i] = was
				if err != nil {
					require.Nil(t, e)
					requireText(t, err.Error())
					bad++
					continue
				}
				good++
				var out bytes.Buffer
				require.NoError(t, e.Write(&out, "text"))
				requireText(t, out.String())
				if strings.Contains(out.String(), "pointing outside the module") {
					noted++
				}
			}
			require.NotZero(t, good)
			require.NotZero(t, bad)
			require.NotZero(t, noted)
		})
	}
}

// TestEventsMany has more members in a set than a kernel could sort.
func TestEventsMany(t *testing.T) {
	data := []byte(newForm(t)["amd64"])
	file, err := elf.NewFile(bytes.NewReader(data))
	require.NoError(t, err)
	for i, s := range file.Sections {
		if s.Name != "set_sysinit_set" {
			continue
		}
		// A section without contents can have any size.
		header := data[int(file.ByteOrder.Uint64(data[40:]))+64*i:]
		file.ByteOrder.PutUint32(header[4:], uint32(elf.SHT_NOBITS))
		file.ByteOrder.PutUint64(header[32:], 8*20000)
	}
	_, err = readEvents(data, "")
	require.ErrorContains(t, err, "a.ko: set_sysinit_set has 20000 members")
}

// FuzzEvents reads the events of anything that loads.
func FuzzEvents(f *testing.F) {
	addPairs(f, func(ko, _ []byte) { f.Add(ko, uint8(0)) })
	f.Fuzz(func(t *testing.T, data []byte, release uint8) {
		e, err := readEvents(data, []string{"", "12.1", "13.0", "14.0"}[release%4])
		if err != nil {
			return
		}
		var one, two bytes.Buffer
		require.NoError(t, e.Write(&one, "text"))
		requireText(t, one.String())
		again, err := readEvents(data, []string{"", "12.1", "13.0", "14.0"}[release%4])
		require.NoError(t, err)
		require.NoError(t, again.Write(&two, "text"))
		require.Equal(t, one.String(), two.String())
	})
}
