package sim

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

var exploreFlag = flag.String("sim.explore", "", "explore with so many `losses,duplicates,delays`")

// budget is how often the network may do harm on one path.
type budget struct{ losses, duplicates, delays int }

// explorer walks through every interleaving of one connection's life, from the first INIT to the
// last CLOSE_OK: at each state any datagram that is under way may be the next to arrive, may be
// lost, or may arrive and be under way still; or the next timer fires, which costs a delay
// where anything is under way. A state that was met before is not walked from again.
type explorer struct {
	o      Options
	script func(*session)
	budget budget

	seen    map[uint64]bool
	ends    int // states in which nothing more happens
	steps   int
	deepest int
}

// move is one step: what becomes of the n-th datagram under way, or the next timer.
type move struct {
	what byte // 'd'eliver, 'l'ose, 'c'opy, 't'imer
	n    int
}

// scene is a world at the end of a path, and what its network may still do.
type scene struct {
	*world
	network []*flight
	left    budget
}

// play plays a path from the beginning.
func (x *explorer) play(path []move) *scene {
	w := newWorld(x.o)
	for w.agenda.Len() > 0 { // its dials: here they are the first thing that happens
		w.agenda.Pop()
	}
	s := &scene{world: w, left: x.budget}
	w.script = x.script
	w.fate = func(_ int, from, to *host, data []byte) (int, time.Duration) {
		s.network = append(s.network, &flight{source: from.addr, to: to, data: slices.Clone(data)})
		return 0, 0
	}
	w.dial(w.hosts[1])
	for _, m := range path {
		s.do(m)
	}
	x.steps += len(path)
	return s
}

func (s *scene) do(m move) {
	switch m.what {
	case 't':
		at, p, _ := s.next()
		s.now = max(s.now, at)
		if len(s.network) > 0 {
			s.left.delays--
		}
		s.expire(p)
		return
	case 'l':
		s.left.losses--
		s.network = slices.Delete(s.network, m.n, m.n+1)
		return
	case 'c':
		s.left.duplicates--
		f := s.network[m.n]
		s.take(f.to, f)
		return
	}
	f := s.network[m.n]
	s.network = slices.Delete(s.network, m.n, m.n+1)
	s.take(f.to, f)
}

// moves are what may happen next. Of two datagrams that are alike, one stands for both.
func (s *scene) moves() (moves []move) {
	for i, f := range s.network {
		if slices.ContainsFunc(s.network[:i], func(g *flight) bool { return g.to == f.to && string(g.data) == string(f.data) }) {
			continue
		}
		moves = append(moves, move{'d', i})
		if s.left.losses > 0 {
			moves = append(moves, move{'l', i})
		}
		if s.left.duplicates > 0 {
			moves = append(moves, move{'c', i})
		}
	}
	if at, p, _ := s.next(); at != mono.Never && p != nil && (len(s.network) == 0 || s.left.delays > 0) {
		moves = append(moves, move{'t', 0})
	}
	return moves
}

// depthMax bounds a path: what goes on for longer goes on for ever.
const depthMax = 400

// explore walks on from the end of a path, where s is.
func (x *explorer) explore(s *scene, path []move) error {
	x.deepest = max(x.deepest, len(path))
	switch {
	case s.Failure != nil:
		return fmt.Errorf("%w: after %v", s.Failure, path)
	case len(path) > depthMax:
		return fmt.Errorf("it goes on without end: %v", path)
	}
	state := s.state(s.network, s.left.losses, s.left.duplicates, s.left.delays)
	if x.seen[state] {
		return nil
	}
	x.seen[state] = true
	if len(x.seen)%100_000 == 0 {
		fmt.Printf("%d states, %d of them ends, %d steps\n", len(x.seen), x.ends, x.steps)
	}
	moves := s.moves()
	if len(moves) == 0 {
		x.ends++
		return x.judge(s, path)
	}
	for i, m := range moves {
		next := s
		if i > 0 { // the first one took s along
			next = x.play(path)
		}
		next.do(m)
		x.steps++
		if err := x.explore(next, append(slices.Clip(path), m)); err != nil {
			return err
		}
	}
	return nil
}

// judge looks at a state in which nothing more happens: all is done, and nothing left.
func (x *explorer) judge(s *scene, path []move) error {
	s.judge()
	switch p := s.dialed(0); {
	case s.Failure != nil:
		return fmt.Errorf("%w: at the end of %v", s.Failure, path)
	case s.Connected != 1 || p.err != nil || s.Finished != x.o.Sessions:
		return fmt.Errorf("%d connected, which ended with %v, %d sessions of %d finished: at the end of %v", s.Connected, p.err, s.Finished, x.o.Sessions, path)
	}
	return nil
}

// TestExplore explores the life of a connection with one session that says something each way, in both lanes, and of
// one that has no session. Without -sim.explore it is a slice of what make explore does.
func TestExplore(t *testing.T) {
	b := budget{losses: 1}
	if *exploreFlag != "" {
		_, err := fmt.Sscanf(*exploreFlag, "%d,%d,%d", &b.losses, &b.duplicates, &b.delays)
		require.NoError(t, err)
	}
	for _, row := range []struct {
		name     string
		lane     Protection
		sessions int
		script   func(*session)
	}{
		{"plain, client first", Plain, 1, says(1, 1, false)},
		{"plain, server first", Plain, 1, says(1, 1, true)},
		{"plain, handshake and close", Plain, 0, nil},
		{"levels of TLS, handshake and close", Stub, 0, nil},
		{"levels of TLS, client first", Stub, 1, says(1, 1, false)},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := fair()
			o.Lane, o.Sessions, o.Messages, o.Size = row.lane, row.sessions, 1, 20
			o.Handshake = 6 * time.Second // more than what may be lost takes, and no longer than an abandoned end need be walked with
			x := &explorer{o: o, script: row.script, budget: b, seen: map[uint64]bool{}}
			begun := time.Now()
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			require.NoError(t, x.explore(x.play(nil), nil))
			t.Logf("%d losses, %d duplicates, %d delays: %d states, %d of them ends, at most %d steps deep; %d steps in %v",
				b.losses, b.duplicates, b.delays, len(x.seen), x.ends, x.deepest, x.steps, time.Since(begun).Round(time.Millisecond))
			require.Positive(t, x.ends)
		})
	}
}
