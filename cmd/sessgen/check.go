package main

import (
	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

func checkCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "check [folder | folder/... | file.sess ...]",
		Short: "report what is wrong with protocol files",
		Long: `Check reads schemas as gen does, but only reports what is wrong with them:
every mistake that it can find, in one run.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			print, err := diag.ParseFormat(format)
			if err != nil {
				return usageError{err}
			}
			found, err := units(args)
			if err != nil {
				return err
			}
			failed := false
			for _, u := range found {
				p, err := schema.Load(u.dir, u.files)
				if err != nil {
					return err
				}
				gen.Check(p)
				if err := p.Printer(print).Print(cmd.ErrOrStderr(), p.Diagnostics()); err != nil {
					return err
				}
				failed = failed || p.HasErrors()
			}
			if failed {
				return errReported
			}
			return nil
		},
	}
	errorFormat(cmd, &format)
	return cmd
}

// errorFormat gives a command the flag that says how its diagnostics are printed.
func errorFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "error-format", "text", "how mistakes are printed: text, json or github")
}
