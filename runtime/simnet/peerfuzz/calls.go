package peerfuzz

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// What RegisterX and NewX of a service X are: S is what serves it, C calls it.
type (
	register[S any] = func(session.Registrar, S, ...rpc.HandlerOption)
	client[C any]   = func(session.Conn, ...rpc.ClientOption) *C
)

// calls is one play of calls of a service, in a bubble.
type calls struct {
	t     *testing.T
	name  string // who is under test: "ledger.Ledger Server"
	peer  *Peer
	story *story
	goroutines

	mu sync.Mutex // guards what follows
	// fault is what is wrong with what is under test: the first that was found.
	fault string
	// handled are the calls that reached the server, where that is under test.
	handled []*handling
}

// callsMax is how many calls a peer makes of one input.
const callsMax = 64

func newCalls(t *testing.T, protocols []*session.Protocol, role int, l literals, input []byte) *calls {
	s := newSource(input, l)
	r := &calls{t: t, name: whose(protocols, role), story: &story{}, goroutines: countGoroutines()}
	r.peer = &Peer{source: s, deviant: newDeviant(1-role, s, r.story, callDeviations)}
	// Cleanup runs last what is said first: what the program has to end, it has ended.
	t.Cleanup(r.leave)
	return r
}

// whose names a role of a service.
func whose(protocols []*session.Protocol, role int) string {
	name := protocols[0].Name
	return name[:strings.LastIndexByte(name, '.')] + " " + protocols[0].Roles[role]
}

// wrong keeps a fault.
func (r *calls) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

func (r *calls) found() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault != ""
}

// report says what was wrong.
func (r *calls) report() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != "" {
		r.t.Errorf("peerfuzz: %s: %s\n%s", r.name, r.fault, r.story)
	}
}

// leave looks for what has been left behind.
func (r *calls) leave() {
	if r.t.Failed() {
		return
	}
	pass(grace)
	if left := r.left(); len(left) > 0 {
		r.wrong("goroutines that wait were left behind:\n%s", left)
		r.report()
	}
}

// callTarget is target for a service.
func callTarget(f *testing.F, protocols []*session.Protocol, role int, set bool, play func(*calls)) {
	target(f, whose(protocols, role), set, callDeviations, literalsOf(protocols...), func(t *testing.T, l literals, input []byte) {
		r := newCalls(t, protocols, role, l, input)
		play(r)
		r.report()
	})
}

// Server is the fuzz target of a service's implementation. It calls what subject returns, anew for each input;
// call makes one call. protocols are those of the service's methods; the other arguments are generated
// functions. A target without a subject is skipped.
func Server[S, C any](
	f *testing.F, subject func(testing.TB) S, register register[S], client client[C],
	call func(context.Context, *Peer, *C) error, protocols ...*session.Protocol,
) {
	callTarget(f, protocols, 1, subject != nil, func(r *calls) {
		conn, srv := session.Pipe()
		register(&handledSide{srv, r}, subject(r.t), rpc.WithInterceptors(r.watch))
		c := client(&callerConn{conn, r})
		for range callsMax {
			r.call(func(ctx context.Context) error { return call(ctx, r.peer, c) })
			if r.found() || r.peer.source.exhausted() {
				break
			}
		}
		r.await()
	})
}

// Client is the fuzz target of a program that calls a service. Its calls are answered by what serves returns.
// See Server.
func Client[S, C any](
	f *testing.F, subject func(context.Context, *C) error, client client[C], register register[S],
	serves func(*Peer) S, protocols ...*session.Protocol,
) {
	callTarget(f, protocols, 0, subject != nil, func(r *calls) {
		conn, srv := session.Pipe()
		register(&answererSide{srv, r}, serves(r.peer))
		r.caller(func(ctx context.Context) error { return subject(ctx, client(conn)) })
		synctest.Wait()
	})
}
