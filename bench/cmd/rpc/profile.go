package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// startProfile starts the CPU profile of one end of a row's run, if profiles are asked for.
func startProfile(of row, end string) (stop func(), err error) {
	if *profile == "" {
		return func() {}, nil
	}
	name := fmt.Sprintf("%s-%d-%s.pprof", strings.ReplaceAll(of.lib, "/", "-"), of.callers, end)
	f, err := os.Create(filepath.Join(*profile, name))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
