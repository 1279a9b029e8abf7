//go:build !linux && !darwin && !freebsd && !windows

package udp

// dontFragment can do nothing here.
func dontFragment(uintptr) (only6, v4, v6 bool) { return false, false, false }
