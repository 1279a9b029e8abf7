package transport

import (
	"context"
	"errors"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// Server serves protocols to the peers that connect to its listeners. It is safe for concurrent use.
type Server struct {
	served registry.Registry[handler]

	mu      sync.Mutex
	down    bool // Shutdown was called
	serving map[*serving]struct{}
	past    ServerStats // of the listeners that have ended
}

type handler = func(ctx context.Context, s session.Stream)

var _ session.Registrar = (*Server)(nil)

// NewServer returns a server that serves nothing yet.
func NewServer() *Server {
	return &Server{serving: make(map[*serving]struct{})}
}

// Handle implements session.Registrar; generated code calls it. It may be called while the server is serving.
func (srv *Server) Handle(p *session.Protocol, serve func(ctx context.Context, s session.Stream)) {
	srv.served.Add(p.Name, string(p.Fingerprint), serve)
}

var errDown = errors.New("transport: the server was shut down")

// Serve serves the registered protocols to the peers that connect to ln. It returns ctx's error when ctx ends,
// nil after Shutdown, and an error that unwraps to net.ErrClosed after ln.Close. Any remaining connections are
// aborted, and ln is closed. Serve waits until every handler has returned; their contexts are canceled by then.
// A handler's context ends with its session, and carries ctx's values.
func (srv *Server) Serve(ctx context.Context, ln *Listener) error {
	sv, err := srv.begin(ctx, ln)
	if err != nil {
		return err
	}
	err = sv.wait(ctx, sv.drain)
	if err == nil {
		err = sv.wait(ctx, sv.closeLinks())
	}
	sv.stop(err)
	srv.mu.Lock()
	sv.group.addStats(&srv.past)
	delete(srv.serving, sv)
	srv.mu.Unlock()
	close(sv.done)
	return err
}

func (srv *Server) begin(ctx context.Context, ln *Listener) (*serving, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.down {
		if ln.serve() == nil { // it is nobody else's
			_ = ln.closeSockets()
			_ = ln.Close()
		}
		return nil, errDown
	}
	if err := ln.serve(); err != nil {
		return nil, err
	}
	sv := &serving{
		served: &srv.served,
		ln:     ln,
		values: context.WithoutCancel(ctx),
		drain:  make(chan struct{}),
		force:  make(chan struct{}),
		done:   make(chan struct{}),
	}
	srv.serving[sv] = struct{}{}
	sv.group = startGroup(ln.socks, sv, ln.config.largest())
	return sv, nil
}

// Shutdown stops the server gracefully: from now on new sessions and connections are refused. Clients learn at
// once which of their sessions were refused: the errors of those match session.ErrRefused, and so do those of
// any later OpenStream. Sessions in progress may finish; then their connections are closed, and every Serve
// returns nil. If ctx ends first, whatever is left is aborted, and ctx's error is returned. A server that was
// shut down cannot serve again.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.mu.Lock()
	srv.down = true
	var all []*serving
	for sv := range srv.serving {
		all = append(all, sv)
		sv.draining.Do(func() { close(sv.drain) })
	}
	srv.mu.Unlock()
	for _, sv := range all {
		select {
		case <-sv.done:
			continue
		case <-ctx.Done():
		}
		for _, sv := range all {
			sv.forcing.Do(func() { close(sv.force) })
		}
		return ctx.Err()
	}
	return nil
}
