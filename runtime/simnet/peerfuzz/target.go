package peerfuzz

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Body runs a role: S is its first state, E its last.
type Body[S, E any] = func(context.Context, S) (E, error)

// Second is the fuzz target of a protocol's second role. subject is under test; play plays the first role
// against it. The other arguments are generated functions. A target without a subject is skipped.
func Second[S1, E1, S2, E2 any](
	f *testing.F, p *session.Protocol, subject Body[S2, E2], register func(session.Registrar, Body[S2, E2]),
	run func(context.Context, session.Conn, Body[S1, E1]) error, play func(context.Context, *Peer, S1) (E1, error),
) {
	bodyTarget(f, p, 1, subject != nil, func(r *execution) {
		conn, srv := session.Pipe()
		register(subjectSide{srv, r}, guard(r, subject))
		_ = run(context.Background(), &peerConn{conn, r}, player(r, play))
		synctest.Wait() // a peer that aborts at once may never have been heard of
	})
}

// First is the fuzz target of a protocol's first role. subject is under test; play plays the second role
// against it. See Second.
func First[S1, E1, S2, E2 any](
	f *testing.F, p *session.Protocol, subject Body[S1, E1], run func(context.Context, session.Conn, Body[S1, E1]) error,
	register func(session.Registrar, Body[S2, E2]), play func(context.Context, *Peer, S2) (E2, error),
) {
	bodyTarget(f, p, 0, subject != nil, func(r *execution) {
		conn, srv := session.Pipe()
		register(peerSide{srv, r}, player(r, play))
		go func() { _ = run(context.Background(), &subjectConn{conn, r}, guard(r, subject)) }()
		synctest.Wait()
	})
}

// spin is how long, on a real clock, an execution may take: then it runs in circles.
const spin = time.Minute

// bodyTarget is target for a role of a protocol.
func bodyTarget(f *testing.F, p *session.Protocol, role int, set bool, play func(*execution)) {
	way := newWays(p)
	target(f, p.Name+" "+p.Roles[role], set, deviations, literalsOf(p), func(t *testing.T, l literals, input []byte) {
		r := newExecution(t, p, role, way, l, input)
		play(r)
		r.judge()
	})
}

// target plays each input in a bubble of its own.
func target(f *testing.F, subject string, set bool, kinds deviation, l literals, play func(*testing.T, literals, []byte)) {
	if !set {
		f.Skipf("nothing to play against: set %s in a test file", strings.Replace(f.Name(), "Fuzz", "Fuzzed", 1))
	}
	for _, input := range seeds(kinds) {
		f.Add(input)
	}
	failed, fuzzing := 0, flag.Lookup("test.fuzz").Value.String() != ""
	f.Fuzz(func(t *testing.T, input []byte) {
		if failed == failuresShown && !fuzzing {
			t.Skipf("%d inputs have failed, and tell enough: the others are played when those are mended", failed)
		}
		defer func() {
			if t.Failed() {
				failed++
			}
		}()
		watchdog := time.AfterFunc(spin, func() { panic("peerfuzz: " + subject + " runs in circles") })
		defer watchdog.Stop()
		synctest.Test(t, func(t *testing.T) { play(t, l, input) })
	})
}

// failuresShown is how many of the inputs that every run of the tests plays may fail before the others are left out: one
// bug fails most of them.
const failuresShown = 3

// seeds are the inputs that every run of the tests plays: conversations that keep
// to the protocol, and each deviation in each of the first messages.
func seeds(kinds deviation) (inputs [][]byte) {
	random := rand.New(rand.NewPCG(1, 1))
	input := func(kind deviation, at, length int) []byte {
		b := []byte{byte(kind), byte(at)}
		for range length {
			b = append(b, byte(random.Uint32()))
		}
		return b
	}
	inputs = append(inputs, nil)
	for i := range 64 {
		inputs = append(inputs, input(conforming, 0, 16*i))
	}
	for kind := conforming + 1; kind < kinds; kind++ {
		for at := range 6 {
			inputs = append(inputs, input(kind, at, 0), input(kind, at, 20), input(kind, at, 60))
		}
	}
	return inputs
}
