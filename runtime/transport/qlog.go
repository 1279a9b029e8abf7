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

// WithQLog writes a trace of each connection: its packets, frames, losses and how the path is, as qlog (JSON-SEQ of
// draft-ietf-quic-qlog-main-schema), which viewers like qvis draw. open returns where a connection's is to go, or nil
// for none; it may be called from any goroutine, and must not wait. id is the same at both ends, and dials
// tells which one it is. The output is closed behind the last event. What cannot be written in time is left out and counted at the end of the trace. See QLogDir.
//
// A trace has addresses, sizes and times, and nothing of what is in messages.
func WithQLog(open func(id string, dials bool) io.WriteCloser) Option {
	return func(c *config) error {
		c.qlog = open
		return nil
	}
}

// QLogDir is for WithQLog: each connection's trace becomes a file in the folder, "<id>_client.sqlog" or
// "<id>_server.sqlog". What cannot be created is left out.
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
	l.trace = qlog.New(out, at, time.Now(), client, dials, func(write func()) { l.shard.running.Go(write) })
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
