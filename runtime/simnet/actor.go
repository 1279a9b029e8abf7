package simnet

import (
	"context"
	"encoding/binary"
	"runtime/debug"
	"sync/atomic"
)

// actor makes calls that do not belong to a session yet. Of those of one moment, the actor with the lesser path
// comes first.
type actor struct {
	path     string
	children atomic.Uint32
}

// servedPath begins the paths of the bodies of served sessions. It comes after all others.
const servedPath = "\xff\xff\xff\xff"

// child is the next actor that a starts. One goroutine asks at a time.
func (a *actor) child() *actor {
	return &actor{path: string(binary.BigEndian.AppendUint32([]byte(a.path), a.children.Add(1)))}
}

// actorKey is the key under which a context holds its actor.
type actorKey struct{}

// actorOf returns the actor that ctx belongs to; by default the test's own function.
func (n *Net) actorOf(ctx context.Context) *actor {
	if a, ok := ctx.Value(actorKey{}).(*actor); ok {
		return a
	}
	return &n.root
}

// Go runs f in a goroutine that the run waits for, and fails the test if f returns an error. f's context is
// derived from ctx. What f does with it has a place of its own in the order of calls, after whatever was
// started with ctx before.
func (n *Net) Go(ctx context.Context, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, actorKey{}, n.actorOf(ctx).child()))
	stop := context.AfterFunc(n.ctx, func() { cancel(errOver) })
	n.going.Go(func() {
		defer stop()
		defer n.caught()
		if err := f(ctx); err != nil {
			n.t.Errorf("simnet: a goroutine of Go: %v", err)
		}
	})
}

// serve runs what is registered for a session.
func (n *Net) serve(s *stream) {
	path := binary.BigEndian.AppendUint64([]byte(servedPath), s.history.number)
	ctx := context.WithValue(s.ctx, actorKey{}, &actor{path: string(path)})
	n.mu.Lock()
	n.bodies++
	n.mu.Unlock()
	n.running.Go(func() {
		defer n.served()
		defer func() { _ = n.do(context.Background(), &call{verb: verbRelease, stream: s}) }()
		defer n.caught()
		s.service.serve(ctx, s)
	})
}

// served tells the loop that a body has returned.
func (n *Net) served() {
	n.mu.Lock()
	n.bodies--
	n.mu.Unlock()
	n.nudge()
}

// caught is deferred. It turns a panic of a program's goroutine into a failure of the test, so that the seed
// that led there is printed with it.
func (n *Net) caught() {
	if r := recover(); r != nil {
		n.t.Errorf("simnet: panic: %v\n%s", r, debug.Stack())
	}
}
