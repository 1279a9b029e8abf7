package health

import (
	"context"
	"sync"

	"github.com/sessgen/sessgen/runtime/rpc"
)

//go:generate go tool sessgen

// Server holds what the Health service reports. It is safe for concurrent use.
//
//	state := health.NewServer()
//	health.RegisterHealth(srv, state)
//	state.Set("bank.Ledger", health.StatusServing)
type Server struct {
	mu      sync.Mutex
	status  map[string]Status
	changed chan struct{} // closed and replaced with every change
}

var _ HealthServer = (*Server)(nil)

// NewServer returns a Server that reports the server as a whole as serving, and knows of no service.
func NewServer() *Server {
	return &Server{status: map[string]Status{"": StatusServing}, changed: make(chan struct{})}
}

// Set sets the status of a service, or of the server as a whole if the name is empty.
func (s *Server) Set(service string, status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status[service] == status {
		return
	}
	s.status[service] = status
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) look(service string) (Status, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status[service], s.changed
}

// Check implements HealthServer.
func (s *Server) Check(_ context.Context, service string) (Status, error) {
	status, _ := s.look(service)
	if status == StatusUnknown {
		return status, rpc.Errorf(rpc.NotFound, "no service %q", service)
	}
	return status, nil
}

// Watch implements HealthServer.
func (s *Server) Watch(ctx context.Context, service string, send func(Status) error) error {
	status, changed := s.look(service)
	for {
		if err := send(status); err != nil {
			return err
		}
		for last := status; status == last; {
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
			status, changed = s.look(service)
		}
	}
}
