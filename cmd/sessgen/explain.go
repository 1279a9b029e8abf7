package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [code]",
		Short: "explain a rule, with an example that breaks it",
		Long: `Explain describes the rule whose code appears in brackets after an error or a
warning: the rule, the smallest schema that breaks it, and what check says of that
schema. Without a code it lists all rules.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return listRules(cmd.OutOrStdout())
			case 1:
				return explain(cmd.OutOrStdout(), strings.Trim(args[0], "[]"))
			}
			return usageError{errors.New("explain takes one code")}
		},
	}
}

// listRules prints the codes with the first sentence of each rule.
func listRules(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, rule := range diag.Rules() {
		first, _, _ := strings.Cut(strings.ReplaceAll(rule.Text, "\n", " "), ". ")
		fmt.Fprintf(table, "%s\t%s\n", rule.Code, strings.TrimSuffix(first, "."))
	}
	return table.Flush()
}

// explain prints a rule, its example and what sessgen says of the example.
func explain(w io.Writer, code string) error {
	rule, ok := diag.Explain(diag.Code(code))
	if !ok {
		var known []string
		for _, rule := range diag.Rules() {
			known = append(known, string(rule.Code))
		}
		err := fmt.Errorf("there is no rule %q", code)
		if near := diag.Closest(code, known); near != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, near)
		}
		return usageError{err}
	}
	out := bytes.NewBufferString(rule.Text)
	out.WriteByte('\n')
	if len(rule.Example) > 0 {
		const name = "example.sess"
		p := schema.Parse("", []string{name}, map[string][]byte{name: rule.Example})
		var said bytes.Buffer
		if err := p.Printer(diag.Text).Print(&said, p.Diagnostics()); err != nil {
			return err
		}
		fmt.Fprintf(out, "\nThis breaks it:\n\n%s\nand check says\n\n%s", indented(rule.Example), indented(said.Bytes()))
	}
	_, err := w.Write(out.Bytes())
	return err
}

// indented is text with every line that is not empty moved to the right.
func indented(text []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if line != "\n" {
			out.WriteString("    ")
		}
		out.WriteString(line)
	}
	return out.String()
}
