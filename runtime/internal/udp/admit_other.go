//go:build !linux

package udp

// Admit does nothing here: a reader must expect any datagram in any case.
func (s *Socket) Admit(...Shape) {}
