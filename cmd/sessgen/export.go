package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/gen/protofile"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

func exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "print a schema in another language",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{fmt.Errorf("export what? There is: sessgen export proto")}
		},
	}
	cmd.AddCommand(exportProtoCommand())
	return cmd
}

func exportProtoCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "proto [folder | file.sess ...]",
		Short: "print the .proto whose messages have the same bytes",
		Long: `Proto prints a .proto file of a schema: a message for each struct and union, an
enum for each enum, and for each protocol a message that contains those of its labels.
A protobuf library encodes these messages to the bytes of the payloads.

	sessgen export proto ./bank > bank.proto`,
		RunE: func(cmd *cobra.Command, args []string) error {
			print, err := diag.ParseFormat(format)
			if err != nil {
				return usageError{err}
			}
			found, err := units(args)
			if err != nil {
				return err
			}
			if len(found) > 1 {
				return usageError{fmt.Errorf("there are %d schemas, and one .proto holds one: name a folder", len(found))}
			}
			p, err := schema.Load(found[0].dir, found[0].files)
			if err != nil {
				return err
			}
			if err := p.Printer(print).Print(cmd.ErrOrStderr(), p.Diagnostics()); err != nil {
				return err
			}
			if p.HasErrors() {
				return errReported
			}
			_, err = cmd.OutOrStdout().Write(protofile.Text(p))
			return err
		},
	}
	errorFormat(cmd, &format)
	return cmd
}
