package session

import "context"

// Session is one run of a protocol, as one role sees it.
type Session struct{}

// Open opens a session of p on conn for the first role and returns its first step.
func Open(ctx context.Context, conn Conn, p *Protocol) (Step, error) { panic("skeleton") }

// Run opens a session of p, runs body on its first step, and closes it.
func Run(ctx context.Context, conn Conn, p *Protocol, body func(context.Context, Step) (Step, error)) error {
	panic("skeleton")
}

// Register makes srv run body as the second role of p for each session that a peer opens.
func Register(srv Registrar, p *Protocol, body func(context.Context, Step) (Step, error)) {
	panic("skeleton")
}

// FalseOnPanic is deferred by a predicate that may panic: a panic counts as false.
func FalseOnPanic(holds *bool) {
	if recover() != nil {
		*holds = false
	}
}
