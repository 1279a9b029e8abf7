// Command sessgen makes Go types of protocol files.
//
//	sessgen [gen] [--check] [--fuzz] [folder | folder/... | file.sess ...]
//	sessgen check [folder | folder/... | file.sess ...]
//	sessgen fmt [-d | -w] [folder | folder/... | file.sess ... | -]
//	sessgen graph [--format text|dot|mermaid|svg] [--protocol P] [--role R] [folder | ...]
//	sessgen export proto [folder | file.sess ...]
//	sessgen explain [code]
//	sessgen init [folder]
//	sessgen version
//
// A folder stands for all its .sess files, which are one schema and one Go
// package; without arguments it is the current one. Files that are named are a schema of
// just those files. Each x.sess becomes an x.sess.go beside it.
//
// The exit status is 0, 1 if the input has errors (or, with --check, if a generated file
// is not up to date), or 2 if the command was called wrongly.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a run is short: a third of it would be collections
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// errReported is returned by a command that has told its user already why it failed.
var errReported = errors.New("reported")

// usageError marks an error as the caller's, with exit status 2.
type usageError struct{ error }

func run(args []string, stdout, stderr io.Writer) int {
	root := genCommand()
	root.Use = "sessgen [gen] [folder | folder/... | file.sess ...]"
	root.Args = cobra.ArbitraryArgs // what is no command is a folder or a file
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(genCommand(), checkCommand(), fmtCommand(), graphCommand(), exportCommand(), explainCommand(), initCommand(), versionCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)

	err := root.Execute()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return 1
	}
	fmt.Fprintln(stderr, "sessgen:", err)
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}
