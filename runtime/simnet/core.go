package simnet

import (
	"encoding/binary"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// newEndpoint makes what routes the datagrams of one host.
func (n *Net) newEndpoint(listening bool) *endpoint.Endpoint[*peer] {
	return endpoint.New[*peer](n.now, endpoint.Config{Draw: n.fill, Version: packet.V1Plain, Listening: listening})
}

// newDriver makes one end's handshake.
func (n *Net) newDriver(dials bool) handshake.Driver {
	var half [handshake.KeyHalfLen]byte
	n.fill(half[:])
	if dials {
		return handshake.NewPlainClient(half)
	}
	return handshake.NewPlainServer(half)
}

// config is what a connection is made with.
func (n *Net) config(dials bool) conn.Config {
	c := conn.Config{
		IdleTimeout:      n.options.IdleTimeout,
		DeathTimeout:     n.options.DeathTimeout,
		HandshakeTimeout: n.options.HandshakeTimeout,
	}
	c.Seed = n.random.Uint64()
	if dials {
		n.fill(c.ClientID[:])
		n.fill(c.Nonce[:])
	}
	return c
}

// fill draws random bytes from the seed.
func (n *Net) fill(b []byte) {
	var word [8]byte
	for i := 0; i < len(b); i += len(word) {
		binary.LittleEndian.PutUint64(word[:], n.random.Uint64())
		copy(b[i:], word[:])
	}
}
