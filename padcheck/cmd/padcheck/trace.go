package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kmodpad/kmodpad/padcheck"
	"github.com/kmodpad/kmodpad/padcheck/loader"
	"github.com/kmodpad/kmodpad/padcheck/object"
)

// address is a flag that holds an address.
type address uint64

func (a *address) String() string { return fmt.Sprintf("%#x", uint64(*a)) }
func (a *address) Type() string   { return "address" }
func (a *address) Set(s string) error {
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return errors.New("no address; write it as 0xc2000000")
	}
	*a = address(v)
	return nil
}

// placement holds the flags that say where things are.
type placement struct {
	at, vnet, pcpu address
	symbols        string
}

func (p *placement) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&p.at, "at", "where the module is loaded (default the architecture's usual place)")
	f.Var(&p.vnet, "vnet-base", "where the space for set_vnet begins")
	f.Var(&p.pcpu, "pcpu-base", "where the space for set_pcpu begins")
	f.StringVar(&p.symbols, "symbols", "", "`file` of lines NAME ADDRESS, or of nm's output: addresses of symbols that the module refers to")
}

// load loads one file as the flags say.
func (p *placement) load(opt padcheck.Options, path string) (*loader.Kernel, *loader.Module, error) {
	opt.At = loader.Addresses{Module: uint64(p.at), Vnet: uint64(p.vnet), Pcpu: uint64(p.pcpu)}
	if p.symbols != "" {
		extra, err := loader.ReadSymbols(p.symbols)
		if err != nil {
			return nil, nil, err
		}
		opt.Extra = extra
	}
	s, err := padcheck.NewSession(opt)
	if err != nil {
		return nil, nil, err
	}
	f, err := object.Open(path)
	if err != nil {
		return nil, nil, err
	}
	k, err := s.Boot(f)
	if err != nil {
		return nil, nil, err
	}
	m, err := s.Load(k, f)
	return k, m, err
}

func newTrace() *cobra.Command {
	var opt padcheck.Options
	var where placement
	var format, variable string
	var instance address
	cmd := &cobra.Command{
		Use:   "trace [flags] FILE",
		Short: "Print what the kernel does at every relocation",
		Long: `Print what the kernel does at every relocation, in its order; or, with
--variable, how the code reaches a virtualised or per-CPU variable in one
instance, step by step.`,
		Args: some(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("unknown format %q; the formats are text and json (JSON Lines)", format)
			}
			k, m, err := where.load(opt, args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			switch {
			case variable != "":
				err = traceVariable(out, k, m, variable, uint64(instance), format)
			case format == "json":
				err = traceJSON(out, k, m)
			default:
				err = traceText(out, k, m)
			}
			return errors.Join(err, out.Flush())
		},
	}
	kernelFlags(cmd, &opt)
	where.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text, or json for a JSON object a line")
	cmd.Flags().StringVar(&variable, "variable", "", "print the accessor's arithmetic for one variable (`name`) instead")
	cmd.Flags().Var(&instance, "instance", "where the instance's data is, for --variable")
	return cmd
}

// traceVariable writes the arithmetic of one variable's accessor.
func traceVariable(w io.Writer, k *loader.Kernel, m *loader.Module, name string, instance uint64, format string) error {
	a, err := padcheck.NewAccessor(k, m, name, instance)
	if err != nil {
		return err
	}
	if format == "json" {
		return json.NewEncoder(w).Encode(a)
	}
	return a.WriteText(w)
}

// traceJSON writes a line for each relocation.
func traceJSON(w io.Writer, k *loader.Kernel, m *loader.Module) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, l := range padcheck.Trace(k, m) {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// traceText writes a table.
func traceText(w io.Writer, k *loader.Kernel, m *loader.Module) error {
	_, err := fmt.Fprintf(w, "%-18s %-6s %-24s %-18s %-18s %-5s %s\n", "place", "pass", "type", "before", "after", "set", "symbol")
	for _, l := range padcheck.Trace(k, m) {
		if err != nil {
			return err
		}
		set, symbol := l.Set, object.Printable(l.Symbol)
		if set == "" {
			set = "-"
		}
		if l.Addend != 0 && symbol != "" {
			symbol += fmt.Sprintf("%+#x", l.Addend)
		}
		if l.Instance != nil {
			symbol += fmt.Sprintf(" [instances hold %v]", *l.Instance)
		}
		if l.Status != "applied" {
			symbol += " (" + l.Status + ")"
		}
		_, err = fmt.Fprintf(w, "%-18v %-6s %-24s %-18v %-18v %-5s %s\n", l.Place, l.Pass, l.Type, l.Before, l.After, set, symbol)
	}
	return err
}

func newImage() *cobra.Command {
	var opt padcheck.Options
	var where placement
	var output string
	cmd := &cobra.Command{
		Use:   "image [flags] --at ADDRESS -o OUT FILE",
		Short: "Write the module's memory as the kernel has it after relocation",
		Long: `Write the relocated bytes of a module, from the first mapped page on, for
comparing with another loader. The templates of its sets, as instances get
them, go to OUT.set_vnet and OUT.set_pcpu with --templates.`,
		Args: some(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, m, err := where.load(opt, args[0])
			if err != nil {
				return err
			}
			if err := padcheck.Refusal(k, m); err != nil {
				return err
			}
			templates, _ := cmd.Flags().GetBool("templates")
			return writeImage(m, output, templates)
		},
	}
	kernelFlags(cmd, &opt)
	where.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write")
	cmd.Flags().Bool("templates", false, "write the sets' templates too")
	cmd.MarkFlagRequired("output")
	cmd.MarkFlagRequired("at")
	return cmd
}
