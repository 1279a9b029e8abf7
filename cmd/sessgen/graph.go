package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/graph"
)

// graphFormats are the values of --format.
var graphFormats = map[string]func(*graph.Graph) (string, error){
	"text":    func(g *graph.Graph) (string, error) { return g.Text(), nil },
	"dot":     func(g *graph.Graph) (string, error) { return g.Dot(), nil },
	"mermaid": func(g *graph.Graph) (string, error) { return g.Mermaid(), nil },
	"svg":     (*graph.Graph).SVG,
}

func graphCommand() *cobra.Command {
	var format, protocol, role, errors string
	cmd := &cobra.Command{
		Use:   "graph [folder | folder/... | file.sess ...]",
		Short: "show the states of protocols",
		Long: `Graph shows the automaton of each protocol: its states, and the messages
between them. With --role it shows what one role sees: ! is sent, ? received.

A picture shows one protocol: name it if the schema has several.

	sessgen graph --format svg --protocol Bank > bank.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			show, known := graphFormats[format]
			if !known {
				return usageError{fmt.Errorf("--format is text, dot, mermaid or svg, and not %q", format)}
			}
			print, err := diag.ParseFormat(errors)
			if err != nil {
				return usageError{err}
			}
			found, err := units(args)
			if err != nil {
				return err
			}
			var all []*automaton.Automaton
			for _, u := range found {
				p, err := schema.Load(u.dir, u.files)
				if err != nil {
					return err
				}
				if err := p.Printer(print).Print(cmd.ErrOrStderr(), p.Diagnostics()); err != nil {
					return err
				}
				if p.HasErrors() {
					return errReported
				}
				all = append(append(all, p.Automata...), p.Calls...)
			}
			graphs, err := selectGraphs(all, protocol, role)
			if err != nil {
				return err
			}
			if format != "text" && len(graphs) > 1 {
				return usageError{fmt.Errorf("there are several protocols: name one with --protocol: %s", strings.Join(namesOf(all), ", "))}
			}
			for i, g := range graphs {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				text, err := show(g)
				if err != nil {
					return fmt.Errorf("%s: %w; --format text and dot have no limit", g.Title, err)
				}
				fmt.Fprint(cmd.OutOrStdout(), text)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, dot, mermaid or svg")
	cmd.Flags().StringVar(&protocol, "protocol", "", "the one protocol to show, or rpc as Service.Method")
	cmd.Flags().StringVar(&role, "role", "", "show what this role sees")
	errorFormat(cmd, &errors)
	return cmd
}

// selectGraphs are the graphs of the protocols asked for.
func selectGraphs(all []*automaton.Automaton, protocol, role string) ([]*graph.Graph, error) {
	var graphs []*graph.Graph
	named, roles := false, []string(nil)
	for _, a := range all {
		if protocol != "" && a.Protocol.Name != protocol {
			continue
		}
		named = true
		if role == "" {
			graphs = append(graphs, graph.Of(a))
			continue
		}
		if i := slices.Index(a.Protocol.Roles[:], role); i >= 0 {
			graphs = append(graphs, graph.OfRole(a, i))
		}
		roles = append(roles, a.Protocol.Roles[:]...)
	}
	switch {
	case !named && protocol != "":
		return nil, unknownName("protocol", protocol, namesOf(all))
	case len(graphs) == 0 && role != "":
		return nil, unknownName("role", role, roles)
	}
	return graphs, nil
}

func namesOf(all []*automaton.Automaton) []string {
	var names []string
	for _, a := range all {
		names = append(names, a.Protocol.Name)
	}
	return names
}

func unknownName(what, name string, known []string) error {
	if near := diag.Closest(name, known); near != "" {
		return usageError{fmt.Errorf("no %s is called %s; did you mean %s?", what, name, near)}
	}
	return usageError{fmt.Errorf("no %s is called %s", what, name)}
}
