package rpc

import (
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Method is one rpc of a service, as generated code describes it. It must not be modified.
type Method struct {
	// Protocol is the protocol of a call.
	Protocol *session.Protocol
	// Service is "<package>.<Service>", and Name the name of the rpc.
	Service, Name string
	// Within is how long a call may take if its context has no deadline; zero means no limit.
	Within time.Duration
	// Idempotent means that making a call twice has the same effect as making it once.
	Idempotent bool
	// StreamRequest and StreamReply report whether the request and the reply are streams of items.
	StreamRequest, StreamReply bool
}

// String returns "<package>.<Service>.<Name>", the protocol's name.
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
