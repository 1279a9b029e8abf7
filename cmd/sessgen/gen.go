package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// generation is what gen was asked for.
type generation struct {
	check, fuzz bool
	format      diag.Format
}

func genCommand() *cobra.Command {
	var g generation
	var format string
	cmd := &cobra.Command{
		Use:   "gen [folder | folder/... | file.sess ...]",
		Short: "generate Go from protocol files",
		Long: `Gen generates x.sess.go from each x.sess. A folder stands for all its .sess files,
which are one schema and one Go package; the default is the current folder. Files
named on the command line are a schema of just those files.

Files are written only if everything succeeds, and only if they have changed. In a
folder, generated files whose schema is gone are removed.

With --fuzz it also generates x.sess_fuzz_test.go: fuzz targets that play peers, honest
and otherwise, against the body of each role, and against implementations and callers of
services. From then on every gen keeps that file up to date, until it is deleted.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if g.format, err = diag.ParseFormat(format); err != nil {
				return usageError{err}
			}
			return g.run(cmd, args)
		},
	}
	errorFormat(cmd, &format)
	cmd.Flags().BoolVar(&g.check, "check", false, "write nothing; print what would change, and fail if anything would")
	cmd.Flags().BoolVar(&g.fuzz, "fuzz", false, "also generate fuzz targets")
	return cmd
}

func (g generation) run(cmd *cobra.Command, args []string) error {
	found, err := places(args)
	if err != nil {
		return err
	}
	var changed []change
	failed := false
	for _, u := range found {
		files, err := g.build(cmd, u)
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
	case len(changed) == 0 && !slices.ContainsFunc(found, func(u unit) bool { return len(u.files) > 0 }):
		return noFiles(args)
	case g.check && len(changed) > 0:
		if err := printDiff(cmd.OutOrStdout(), changed); err != nil {
			return err
		}
		return g.stale(len(changed))
	case g.check:
		return nil
	}
	return apply(changed)
}

// stale says that so many files are not up to date, and what makes them so.
func (g generation) stale(files int) error {
	what, command := "generated files are", "sessgen gen"
	if files == 1 {
		what = "generated file is"
	}
	if g.fuzz {
		command += " --fuzz"
	}
	return fmt.Errorf("%d %s not up to date: run %s", files, what, command)
}

// build generates the Go of a unit, and prints what is wrong with it. A unit without
// schema files has none.
func (g generation) build(cmd *cobra.Command, u unit) (map[string][]byte, error) {
	if len(u.files) == 0 {
		return nil, nil
	}
	p, err := schema.Load(u.dir, u.files)
	if err != nil {
		return nil, err
	}
	fuzzed, err := g.fuzzed(u)
	if err != nil {
		return nil, err
	}
	make := gen.Generate
	if len(fuzzed) > 0 {
		make = gen.GenerateFuzz
	}
	files, err := make(p)
	if err != nil {
		return nil, err
	}
	if err := p.Printer(g.format).Print(cmd.ErrOrStderr(), p.Diagnostics()); err != nil {
		return nil, err
	}
	if p.HasErrors() {
		return nil, errReported
	}
	for _, source := range u.files {
		if !slices.Contains(fuzzed, source) {
			delete(files, gen.FuzzFile(source))
		}
	}
	return files, nil
}

// fuzzed are the schema files that get fuzz targets: those that have some already, or all.
func (g generation) fuzzed(u unit) (sources []string, err error) {
	for _, source := range u.files {
		ours := g.fuzz
		if !ours {
			if _, ours, err = read(u.path(gen.FuzzFile(source)), source); err != nil {
				return nil, err
			}
		}
		if ours {
			sources = append(sources, source)
		}
	}
	return sources, nil
}
