package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/schema/diag"
)

func genCommand() *cobra.Command {
	var check bool
	var format string
	cmd := &cobra.Command{
		Use:   "gen [folder | folder/... | file.sess ...]",
		Short: "write the Go of protocol files",
		Long: `Gen makes x.sess.go of each x.sess. A folder stands for all its .sess files, which
are one schema and one Go package; without arguments it is the current one.
Files that are named are a schema of just those files.

Nothing is written unless everything succeeds, nor where nothing changed. In a
folder, generated files whose schema is gone are removed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			print, err := diag.ParseFormat(format)
			if err != nil {
				return usageError{err}
			}
			return generate(cmd, args, check, print)
		},
	}
	errorFormat(cmd, &format)
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; print what would change, and fail if anything would")
	return cmd
}

func generate(cmd *cobra.Command, args []string, check bool, format diag.Format) error {
	found, err := units(args)
	if err != nil {
		return err
	}
	var changed []change
	failed := false
	for _, u := range found {
		files, err := build(cmd, u, format)
		if err == errReported {
			failed = true
			continue
		}
		if err != nil {
			return err
		}
		more, err := changes(u, files)
		if err != nil {
			return err
		}
		changed = append(changed, more...)
	}
	switch {
	case failed:
		return errReported
	case check && len(changed) > 0:
		if err := printDiff(cmd.OutOrStdout(), changed); err != nil {
			return err
		}
		return fmt.Errorf("%d generated files are not up to date: run sessgen gen", len(changed))
	case check:
		return nil
	}
	return apply(changed)
}
