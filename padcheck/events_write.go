package padcheck

import (
	"encoding/json"
	"fmt"
	"io"
)

// EventFormats lists the names that Events.Write takes.
var EventFormats = []string{"text", "json"}

// Write writes the events in a format of EventFormats.
func (e *Events) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return e.writeText(w)
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(e)
	}
	return fmt.Errorf("unknown format %q; the formats are %v", format, EventFormats)
}

// phaseTitles say when a phase is.
var phaseTitles = map[string]string{
	PhaseLoad:        "when it is loaded, after boot",
	PhaseVnetCreate:  "when a vnet is created",
	PhaseVnetDestroy: "when a vnet is destroyed",
	PhaseUnload:      "when it is unloaded",
	PhaseShutdown:    "when the machine is shut down",
}

// writeText writes a list a phase.
func (e *Events) writeText(w io.Writer) error {
	t := &text{w: w}
	t.printf("%s  (%s, %s, FreeBSD %s)\n", quotedPath(e.Path), e.Arch, e.Loader, e.Profile)
	for _, p := range e.Phases {
		t.printf("\n%s\n", phaseTitles[p.Name])
		for i, s := range p.Steps {
			subsystem, order := "-", "-"
			if s.Subsystem != nil {
				subsystem, order = s.Subsystem.Name, s.Order.Name
			}
			t.printf("%4d  %-27s %-17s %s\n", i+1, subsystem, order, s)
		}
		if len(p.Steps) == 0 {
			t.printf("      nothing\n")
		}
	}
	for i, n := range e.Notes {
		if i == 0 {
			t.printf("\n")
		}
		t.printf("note: %s\n", n)
	}
	return t.err
}
