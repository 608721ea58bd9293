// Package matrix builds and verifies the sample modules with every toolchain on
// this machine: architectures x compilers x options x linkers x strategies x
// cases. It answers which of them are affected by references that leave
// set_vnet and set_pcpu, and which way to pad cures them, and it tells when a
// new compiler or linker changes the answer.
//
//   - [Load] reads what to run ([Config]) and [Filter] narrows it;
//   - [NewPlan] makes a [Plan] of it, which can be cut into shards;
//   - [Run] runs a plan, every finished cell being kept in a [Cache];
//   - the result, a [Matrix], is what all reports are written from, and what
//     [Merge] and [Diff] read.
//
// Nothing in a result depends on the clock, on the machine's folders or on the
// order in which cells finished.
package matrix
