package toolchains

import "context"

// emulatorRole takes QEMU's emulators by their name: they have no other use,
// and one that does not work shows when it is used.
type emulatorRole struct{}

func (emulatorRole) identify(_ context.Context, _ asker, c candidate) identity {
	return identify(c)
}

func (emulatorRole) probe(context.Context, asker, identity) ([]string, error) { return nil, nil }

func (emulatorRole) add(t *Toolchains, p identity, _ []string) {
	t.Emulators = append(t.Emulators, p.Program)
}
