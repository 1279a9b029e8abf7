package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/format"
)

func fmtCommand() *cobra.Command {
	var show, write bool
	var errorsAs string
	cmd := &cobra.Command{
		Use:   "fmt [folder | folder/... | file.sess ... | -]",
		Short: "format protocol files",
		Long: `Fmt formats .sess files, as gofmt does for Go: it prints the formatted text, or with
-d the difference, or with -w writes the files. The argument - means standard input.

With -d the exit status is 1 if a file is not formatted. A file with syntax errors is
reported, and left as it is.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			print, err := diag.ParseFormat(errorsAs)
			if err != nil {
				return usageError{err}
			}
			l := layouts{print: print, errors: cmd.ErrOrStderr()}
			switch {
			case len(args) == 1 && args[0] == "-":
				if write {
					return usageError{errors.New("-w: there is no file to write")}
				}
				err = l.read("standard input", cmd.InOrStdin())
			default:
				err = l.open(args)
			}
			if err != nil {
				return err
			}
			switch out := cmd.OutOrStdout(); {
			case write:
				err = apply(l.changed)
			case show:
				err = printDiff(out, l.changed)
				l.failed = l.failed || len(l.changed) > 0
			default:
				_, err = out.Write(l.all.Bytes())
			}
			if err == nil && l.failed {
				err = errReported
			}
			return err
		},
	}
	errorFormat(cmd, &errorsAs)
	cmd.Flags().BoolVarP(&show, "diff", "d", false, "print what would change, and fail if anything would")
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the files that change")
	cmd.MarkFlagsMutuallyExclusive("diff", "write")
	return cmd
}

// layouts are those of the files that a user named.
type layouts struct {
	print  diag.Format
	errors io.Writer

	all     bytes.Buffer // of every file
	changed []change
	failed  bool // a file has errors
}

// open lays out the files that the arguments name.
func (l *layouts) open(args []string) error {
	found, err := units(args)
	if err != nil {
		return err
	}
	for _, u := range found {
		for _, name := range u.files {
			source, err := os.ReadFile(u.path(name))
			if err == nil {
				err = l.add(u.path(name), source)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// read lays out a text that has no file.
func (l *layouts) read(name string, r io.Reader) error {
	source, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return l.add(name, source)
}

func (l *layouts) add(path string, source []byte) error {
	text, err := format.Source(path, source)
	var syntax *format.SyntaxError
	switch {
	case errors.As(err, &syntax):
		l.failed = true
		printer := diag.Printer{Format: l.print, Fset: syntax.Fset, Sources: map[string][]byte{path: source}}
		return printer.Print(l.errors, syntax.Diagnostics)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	l.all.Write(text)
	if !bytes.Equal(source, text) {
		l.changed = append(l.changed, change{path, source, text})
	}
	return nil
}
