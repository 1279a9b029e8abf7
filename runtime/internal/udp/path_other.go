//go:build !linux

package udp

import "net"

const controlMax = 0

// setPath does nothing: ECN codepoints are neither told nor set.
func setPath(*net.UDPConn) (ecn bool) { return false }

func ecnOf([]byte) uint8 { return 0 }

func mark(*Datagram) []byte { return nil }

func refusesControl(error) bool { return false }
