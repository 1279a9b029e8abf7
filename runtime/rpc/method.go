package rpc

import (
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Method is one rpc of a service, as generated code describes it. Nobody changes it.
type Method struct {
	// Protocol is what a call is on the wire.
	Protocol *session.Protocol
	// Service is "<package>.<Service>", and Name the rpc's.
	Service, Name string
	// Within is how long a call may take whose context does not say; zero means no limit.
	Within time.Duration
	// Idempotent says that doing a call twice is like doing it once.
	Idempotent bool
	// StreamRequest and StreamReply say which side is a run of items.
	StreamRequest, StreamReply bool
}

// String is "<package>.<Service>.<Name>", the protocol's name.
func (m *Method) String() string { return m.Protocol.Name }

// The messages of a call are, in this order: the request, or an item of it and the end of the run; the
// reply, or an item of it and the end of the run; the error.

func (m *Method) request() *session.Message { return &m.Protocol.Messages[0] }

func (m *Method) sent() *session.Message { return &m.Protocol.Messages[1] }

func (m *Method) reply() *session.Message { return &m.Protocol.Messages[m.replyAt()] }

func (m *Method) done() *session.Message { return &m.Protocol.Messages[m.replyAt()+1] }

func (m *Method) failed() *session.Message { return &m.Protocol.Messages[len(m.Protocol.Messages)-1] }

func (m *Method) replyAt() int {
	if m.StreamRequest {
		return 2
	}
	return 1
}
