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
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

var (
	exploreFlag = flag.String("sim.explore", "", "explore with so many `losses,duplicates,delays`")
	everyFlag   = flag.Bool("sim.every", false, "explore without leaving out the orders that come to the same")
)

// budget is how often the network may do harm on one path.
type budget struct{ losses, duplicates, delays int }

// explorer walks through every interleaving of one connection's life, from the first INIT to the
// last CLOSE_OK: at each state any datagram that is under way may be the next to arrive, may be
// lost, or may arrive and be under way still; or the next timer fires, which costs a delay
// where anything is under way. A state that was met before, with as much harm to come, is not walked from again; and
// of moves that may be made in any order with the same outcome, one order stands for all: see first.
type explorer struct {
	o      Options
	script func(*session)
	budget budget
	every  bool

	seen    map[uint64]uint64 // by state: the budgets that it was met with, a bit each
	ends    map[uint64]bool   // states in which nothing more happens
	steps   int
	deepest int
}

func newExplorer(lane Protection, sessions int, script func(*session), b budget) *explorer {
	o := fair()
	o.Lane, o.Sessions, o.Messages, o.Size = lane, sessions, 1, 20
	o.Handshake = 6 * time.Second // more than what may be lost takes, and no longer than an abandoned end need be walked with
	return &explorer{o: o, script: script, budget: b, seen: map[uint64]uint64{}, ends: map[uint64]bool{}}
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
	// chosen is the server id that the dialing end goes on with, left behind those that it gave up for another one.
	chosen     packet.ID
	leftBehind []packet.ID
}

// play plays a path from the beginning.
func (x *explorer) play(path []move) *scene {
	w := newWorld(x.o)
	for w.agenda.Len() > 0 { // its dials: here they are the first thing that happens
		w.agenda.Pop()
	}
	s := &scene{world: w, left: x.budget}
	w.script, w.apart = x.script, true
	w.fate = func(_ int, from, to *host, data []byte) (int, time.Duration) {
		s.leave(from, to, data)
		return 0, 0
	}
	w.dial(w.hosts[1])
	for _, m := range path {
		s.do(m)
	}
	x.steps += len(path)
	return s
}

// leave puts a datagram under way, and notes which server id the dialing end goes on with.
func (s *scene) leave(from, to *host, data []byte) {
	s.network = append(s.network, &flight{source: from.addr, to: to, data: slices.Clone(data)})
	if !to.listening {
		return
	}
	id, ok := packet.DstID(data)
	switch h, _, err := packet.ParseHeader(data); {
	case !ok || err != nil || h.Type == packet.Init || id == s.chosen:
	case slices.Contains(s.leftBehind, id):
		s.fail("the dialing end goes back to server id %x", id)
	default:
		s.leftBehind, s.chosen = append(s.leftBehind, s.chosen), id
	}
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

// first are those of the moves that need be looked at here, where the others come to the same after them: a persistent set
// (P. Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996). Timers wait
// for the network to be empty, so nothing but other datagrams can come between.
//
//   - An INIT is answered by the endpoint, which knows nothing of connections: what becomes of one
//     neither changes nor is changed by what any connection does.
//   - What is under way to a server id that the dialing end has given up meets only what else is under way to it: the
//     dialing end sends nothing more there, and what comes from there it cannot open.
func (s *scene) first(moves []move) []move {
	if s.left.delays > 0 {
		return moves
	}
	of := func(wanted func(f *flight) bool) []move {
		return slices.DeleteFunc(slices.Clone(moves), func(m move) bool { return m.what == 't' || !wanted(s.network[m.n]) })
	}
	for _, f := range s.network {
		if h, _, err := packet.ParseHeader(f.data); err == nil && h.Type == packet.Init && f.to.listening {
			return of(func(g *flight) bool { return f == g })
		}
	}
	for _, id := range s.leftBehind {
		some := of(func(f *flight) bool {
			dst, _ := packet.DstID(f.data)
			return f.to.listening && dst == id
		})
		if len(some) > 0 {
			return some
		}
	}
	return moves
}

// depthMax bounds a path: what goes on for longer goes on for ever.
const depthMax = 400

// met notes that a state is walked from with what is left of the budget, and reports whether it was before, with no less.
func (x *explorer) met(state uint64, left budget) bool {
	bit := func(b budget) uint64 {
		return 1 << (b.losses + (x.budget.losses+1)*(b.duplicates+(x.budget.duplicates+1)*b.delays))
	}
	seen := x.seen[state]
	if seen&bit(left) != 0 {
		return true
	}
	for losses := range left.losses + 1 {
		for duplicates := range left.duplicates + 1 {
			for delays := range left.delays + 1 {
				seen |= bit(budget{losses, duplicates, delays})
			}
		}
	}
	x.seen[state] = seen
	return false
}

// walk explores.
func (x *explorer) walk() error {
	s := x.play(nil)
	return x.explore(s, s.state(s.network), nil)
}

// explore walks on from the end of a path, where s is.
func (x *explorer) explore(s *scene, at state, path []move) error {
	x.deepest = max(x.deepest, len(path))
	switch {
	case s.Failure != nil:
		return fmt.Errorf("%w: after %v", s.Failure, path)
	case len(path) > depthMax:
		return fmt.Errorf("it goes on without end: %v", path)
	}
	if x.met(at.number(), s.left) {
		return nil
	}
	if len(x.seen)%100_000 == 0 {
		fmt.Printf("%d states, %d of them ends, %d steps\n", len(x.seen), len(x.ends), x.steps)
	}
	moves := s.moves()
	if len(moves) == 0 {
		x.ends[at.number()] = true
		return x.judge(s, path)
	}
	if !x.every {
		moves = s.first(moves)
	}
	next, states := make([]*scene, len(moves)), make([]state, len(moves))
	for i, m := range moves {
		dead := at // what becomes of at if the move changes nothing
		if m.what == 'd' {
			dead.network -= s.network[m.n].number()
		}
		next[i] = s
		if i < len(moves)-1 { // the last one takes s along
			next[i] = x.play(path)
		}
		next[i].do(m)
		x.steps++
		states[i] = next[i].state(next[i].network)
		if m.what == 'd' && states[i] == dead && !x.every {
			// It changed nothing, and will not, whatever happens before: so it may as well be gone first.
			return x.explore(next[i], dead, append(slices.Clip(path), m))
		}
	}
	for i, m := range moves {
		if err := x.explore(next[i], states[i], append(slices.Clip(path), m)); err != nil {
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
		require.LessOrEqual(t, (b.losses+1)*(b.duplicates+1)*(b.delays+1), 64, "more budgets than there are bits for")
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
			x := newExplorer(row.lane, row.sessions, row.script, b)
			x.every = *everyFlag
			begun := time.Now()
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			require.NoError(t, x.walk())
			t.Logf("%d losses, %d duplicates, %d delays: %d states, %d of them ends, at most %d steps deep; %d steps in %v",
				b.losses, b.duplicates, b.delays, len(x.seen), len(x.ends), x.deepest, x.steps, time.Since(begun).Round(time.Millisecond))
			require.NotEmpty(t, x.ends)
		})
	}
}

// TestExploreLeavesNothingOut: to walk only one of several orders that come to the same meets the same ends as to walk all of
// them. make explore compares more.
func TestExploreLeavesNothingOut(t *testing.T) {
	rows := []struct {
		lane Protection
		budget
	}{{Plain, budget{losses: 1, duplicates: 1}}, {Stub, budget{duplicates: 1}}}
	if *exploreFlag != "" {
		rows[0].budget, rows[1].budget = budget{losses: 2, duplicates: 1}, budget{losses: 1, duplicates: 1}
	}
	for _, row := range rows {
		few, all := newExplorer(row.lane, 0, nil, row.budget), newExplorer(row.lane, 0, nil, row.budget)
		all.every = true
		require.NoError(t, few.walk())
		require.NoError(t, all.walk())
		t.Logf("%v: %d states instead of %d, %d ends", row.budget, len(few.seen), len(all.seen), len(few.ends))
		require.Less(t, len(few.seen), len(all.seen))
		require.Equal(t, all.ends, few.ends)
	}
}
