package transport

import (
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/qlog"
)

// WithQLog writes a trace of each connection, its packets, frames, losses and the state of its path, as qlog
// (JSON-SEQ of draft-ietf-quic-qlog-main-schema), which viewers like qvis draw. open returns the destination
// for one connection's trace, or nil for none; it may be called from any goroutine and must not block. id is
// the same at both ends, and dials reports which end this is. The output is closed after the last event. Events
// that cannot be written in time are dropped, and counted at the end of the trace. See QLogDir.
//
// A trace contains addresses, sizes and times, and nothing of the contents of messages.
func WithQLog(open func(id string, dials bool) io.WriteCloser) Option {
	return func(c *config) error {
		c.qlog = open
		return nil
	}
}

// QLogDir returns a function for WithQLog that writes each connection's trace to a file in dir, named
// "<id>_client.sqlog" or "<id>_server.sqlog". A connection whose file cannot be created is not traced.
func QLogDir(dir string) func(id string, dials bool) io.WriteCloser {
	return func(id string, dials bool) io.WriteCloser {
		side := "_server.sqlog"
		if dials {
			side = "_client.sqlog"
		}
		f, err := os.Create(filepath.Join(dir, id+side))
		if err != nil {
			return nil
		}
		return f
	}
}

// startTrace begins the trace of l, which was just added to its table, if one is asked for.
func (l *link) startTrace(c *config, client packet.ID, dials bool) {
	if c.qlog == nil {
		return
	}
	out := c.qlog(hex.EncodeToString(client[:]), dials)
	if out == nil {
		return
	}
	l.mu.Lock()
	defer l.unlock()
	if l.removed {
		_ = out.Close()
		return
	}
	at := now()
	l.trace = qlog.New(out, at, time.Now(), client, dials, func(write func()) { l.shard.lent.Go(write) })
	l.trace.Started(at, l.shard.sock.LocalAddr(), l.peer)
	l.machine.Trace(l.trace)
}

// endTrace ends it. l.mu is held.
func (l *link) endTrace() {
	if l.trace == nil {
		return
	}
	reason := "closed"
	if l.err != nil {
		reason = l.err.Error()
	}
	l.trace.Close(now(), reason)
}
