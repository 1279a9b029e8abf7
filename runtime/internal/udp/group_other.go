//go:build !linux

package udp

// ListenGroup binds a socket to an address, as Listen does: n are only bound where the system can tell which of them a datagram is for.
func ListenGroup(network, address string, _ int) ([]*Socket, error) {
	s, err := Listen(network, address)
	if err != nil {
		return nil, err
	}
	return []*Socket{s}, nil
}
