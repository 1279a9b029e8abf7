package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/diag"
)

// unit is one schema's input: files of one folder.
type unit struct {
	dir   string
	files []string // base names, sorted
	whole bool     // all files of the folder
	// made are the files of the folder that bear names of generated ones.
	made []string
}

// path is where the unit's file is, in the form that the user gave.
func (u unit) path(file string) string { return filepath.Join(u.dir, file) }

// units finds what the arguments name: the folders that hold .sess files, and files.
func units(args []string) ([]unit, error) {
	found, err := places(args)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(u unit) bool { return len(u.files) == 0 })
	if len(found) == 0 {
		return nil, noFiles(args)
	}
	return found, nil
}

// commands are those that a misspelt argument may have meant.
var commands = []string{"gen", "check", "fmt", "graph", "export", "explain", "init", "version"}

func noFiles(args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	err := fmt.Errorf("no .sess files in %s", strings.Join(args, ", "))
	for _, arg := range args {
		if below, _ := folders(arg); len(below) > 0 {
			return fmt.Errorf("%w itself; %s has them all", err, goPath(filepath.Join(arg, "...")))
		}
	}
	return err
}

// places is units, and also finds folders with generated files that have lost their .sess files.
func places(args []string) ([]unit, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var found []unit
	var named []string
	for _, arg := range args {
		if root, all := strings.CutSuffix(arg, "..."); all && (root == "" || strings.HasSuffix(root, "/")) {
			below, err := folders(filepath.Clean(root))
			if err != nil {
				return nil, err
			}
			found = append(found, below...)
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			if near := diag.Closest(arg, commands); near != "" {
				return nil, usageError{fmt.Errorf("%w; did you mean sessgen %s?", err, near)}
			}
			return nil, err
		case info.IsDir():
			u, err := folder(arg)
			if err != nil {
				return nil, err
			}
			if u.empty() {
				return nil, noFiles([]string{arg})
			}
			found = append(found, u)
		case strings.HasSuffix(arg, ".sess"):
			named = append(named, arg)
		default:
			return nil, usageError{fmt.Errorf("%s is neither a folder nor a .sess file", arg)}
		}
	}
	if len(named) > 0 {
		u := unit{dir: filepath.Dir(named[0])}
		for _, path := range named {
			if filepath.Dir(path) != u.dir {
				return nil, usageError{fmt.Errorf("%s and %s are in different folders; files that are named together are one schema", named[0], path)}
			}
			u.files = append(u.files, filepath.Base(path))
		}
		slices.Sort(u.files)
		u.files = slices.Compact(u.files)
		found = append(found, u)
	}
	if len(found) == 0 {
		return nil, noFiles(args)
	}
	return found, nil
}

// folder is the unit of all .sess files of dir.
func folder(dir string) (unit, error) {
	u := unit{dir: dir, whole: true}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unit{}, err
	}
	for _, e := range entries {
		if !e.IsDir() && sourceOf(e.Name()) != "" {
			u.made = append(u.made, e.Name())
		}
		if !strings.HasSuffix(e.Name(), ".sess") {
			continue
		}
		// As for the go command, what is no file does not count; a link that leads nowhere will be missed.
		if info, err := os.Stat(u.path(e.Name())); err != nil || info.Mode().IsRegular() {
			u.files = append(u.files, e.Name())
		}
	}
	return u, nil
}

// empty reports whether the unit concerns nobody.
func (u unit) empty() bool { return len(u.files)+len(u.made) == 0 }

// folders are the units of root and of all folders below it that hold .sess or
// generated files. As for the go command, folders called testdata or vendor, or whose names begin
// with a dot or an underscore, do not count.
func folders(root string) ([]unit, error) {
	var found []unit
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		name := d.Name()
		if path != root && (name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_') {
			return filepath.SkipDir
		}
		u, err := folder(path)
		if err == nil && !u.empty() {
			found = append(found, u)
		}
		return err
	})
	return found, err
}
