package transport

import (
	"bytes"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// shake gives the handshake's driver what its connection has for it, and the
// connection the answer. A plaintext handshake answers at once, so it runs here; one that signs
// and calls users' callbacks would run on a worker. l.mu is held.
func (l *link) shake(e conn.Event) {
	var said []handshake.Message
	if e.Kind == conn.EventStart {
		l.driver = newDriver(l.shard.serving == nil)
		said = l.driver.Start(bytes.Clone(e.Data))
	} else {
		said = l.driver.Handle(e.Level, e.Data)
	}
	l.machine.HandleHandshake(now(), said)
}

// newDriver makes one end's driver of a plaintext handshake.
func newDriver(dials bool) handshake.Driver {
	var half [handshake.KeyHalfLen]byte
	draw(half[:])
	if dials {
		return handshake.NewPlainClient(half)
	}
	return handshake.NewPlainServer(half)
}
