package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version of sessgen",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version := "(unknown)"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = moduleVersion(info)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "sessgen", version)
			return nil
		},
	}
}

// moduleVersion is the version of sessgen's module, be it the main one or one that a tool line names.
func moduleVersion(info *debug.BuildInfo) string {
	const module = "github.com/sessgen/sessgen"
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return "(unknown)"
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments", cmd.CommandPath())}
	}
	return nil
}
