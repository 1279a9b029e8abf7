// Package treeproxy lets tests use this module as its users do: as a version that
// the go command downloads.
package treeproxy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// Version is the version that is served.
const Version = "v0.0.1"

// Env writes the module in the folder tree into a proxy in the folder dir, and returns the
// environment in which the go command finds it there, and all else in what was downloaded
// before. The module cache is in dir too.
func Env(tree, dir string) (env []string, err error) {
	cache, err := exec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return nil, err
	}
	downloaded, proxy, _ := strings.Cut(strings.TrimSpace(string(cache)), "\n")
	m := module.Version{Path: "github.com/sessgen/sessgen", Version: Version}
	at := filepath.Join(dir, "proxy", filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(at, 0o777); err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(filepath.Join(tree, "go.mod"))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"list":            Version + "\n",
		Version + ".info": fmt.Sprintf(`{"Version":%q}`, Version),
		Version + ".mod":  string(mod),
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	f, err := os.Create(filepath.Join(at, Version+".zip"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := zip.CreateFromDir(f, m, tree); err != nil {
		return nil, err
	}
	return []string{
		"GOPROXY=file://" + filepath.ToSlash(filepath.Join(dir, "proxy")) + ",file://" + filepath.ToSlash(downloaded) + "/cache/download," + proxy,
		"GOMODCACHE=" + filepath.Join(dir, "modcache"),
		"GOFLAGS=-modcacherw",
		"GONOSUMDB=" + m.Path, "GONOSUMCHECK=1", "GOSUMDB=off", "GOWORK=off",
	}, f.Close()
}
