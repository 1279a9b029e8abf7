package conn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The addresses of the two ends, and of somebody else.
var (
	clientAddr   = netip.MustParseAddrPort("192.0.2.1:1000")
	serverAddr   = netip.MustParseAddrPort("192.0.2.2:2000")
	strangerAddr = netip.MustParseAddrPort("192.0.2.3:3000")
)

// world is a dialing end and a listening one, joined by a link in memory whose
// faults a test scripts, in virtual time. After every input it asks for all outputs, as
// a driver does, and fails the test if a timer is then set in the past.
type world struct {
	t              testing.TB
	now            mono.Time
	latency        time.Duration
	random         *rand.Rand
	client, server *side
	accepted       []*side // all connections of the listening end; server is the one that came up, or the last one
	flying         []flying
	// fate decides what becomes of a datagram: how many copies arrive, and how much later than the others. nil means one, at once.
	fate func(d *flying) (copies int, late time.Duration)
	sent int // datagrams, by both
	// elsewhere is how many bytes went to addresses where neither end is; nil where none may.
	elsewhere map[netip.AddrPort]int
	// asked is the listening end's address at which the dialing one asks, and from which alone its firewall lets answers in. Where it is
	// not valid, the driver does not know it.
	asked netip.Addr
	// unasked is how many datagrams the firewall has kept out.
	unasked int
	// watch sees every datagram with the address that the client's network has in it; nil for nobody.
	watch  func(client netip.AddrPort, data []byte)
	tokens bool // the server gives address tokens
	// newDriver makes the handshake of a side; nil means plaintext.
	newDriver func(*side) handshake.Driver
	log       []note
}

// side is one end, with the socket under it.
type side struct {
	w       *world
	name    string
	addr    netip.AddrPort
	core    *Conn // nil where there is none yet
	driver  handshake.Driver
	route   *endpoint.Endpoint[*side]
	config  Config
	id      packet.ID
	sent    int
	started int // handshakes
	events  []Event
	closed  *Event                  // the last event
	keeps   bool                    // it does not say that its programs have returned
	tokens  [][packet.TokenLen]byte // of resets for the ids that it gave out after the first
	buried  bool                    // the last datagram was sent, and the endpoint keeps the tombstone
	buf     []byte
}

// flying is a datagram on its way.
type flying struct {
	at     mono.Time
	number int // of this side's, from 0
	from   *side
	to     *side
	addr   netip.AddrPort // where it seems to come from
	data   []byte
	before [][]byte // arrive with it, before it
}

func newWorld(t testing.TB, configs ...func(client, server *Config)) *world {
	w := &world{t: t, now: mono.Time(time.Hour), latency: 10 * time.Millisecond, random: rand.New(rand.NewPCG(1, 2))}
	w.client = &side{w: w, name: "client", addr: clientAddr}
	w.server = &side{w: w, name: "server", addr: serverAddr}
	w.client.config = Config{ClientID: packet.ID{0xc1, 1}, Nonce: [16]byte{0xab}}
	for _, change := range configs {
		change(&w.client.config, &w.server.config)
	}
	w.client.route = endpoint.New[*side](w.now, endpoint.Config{Draw: w.draw, Version: w.version()})
	w.server.route = endpoint.New[*side](w.now, w.serverEndpoint())
	return w
}

func (w *world) serverEndpoint() endpoint.Config {
	return endpoint.Config{Draw: w.draw, Version: w.version(), Listening: true, ResetKey: [32]byte{1}}
}

// version is the one that the server speaks, and its endpoint knows.
func (w *world) version() packet.Version { return w.server.config.withDefaults(false).Version }

func (w *world) draw(b []byte) {
	for i := range b {
		b[i] = byte(w.random.Uint32())
	}
}

// connected is a world whose handshake is done, and confirmed.
func connectedWorld(t testing.TB, configs ...func(client, server *Config)) *world {
	w := newWorld(t, configs...)
	w.dial()
	w.run(time.Second)
	if w.client.core.phase != connected || w.server.core.phase != connected || !w.client.core.confirmed {
		t.Fatalf("not connected:\n%s", w.story())
	}
	w.client.events, w.server.events = nil, nil
	return w
}

func (w *world) dial() {
	w.client.core = NewClient(w.now, w.client.config, serverAddr)
	w.client.id = w.client.config.ClientID
	w.client.route.Add(w.client.id, w.client)
	w.client.after()
}

// after is what a driver does after every input and command.
func (s *side) after() {
	if s.core == nil || s.buried {
		return
	}
	s.flush()
	if s.core.NextTimeout() <= s.w.now { // it was due when the input came
		s.core.HandleTimeout(s.w.now)
		s.flush()
	}
	if at := s.core.NextTimeout(); at <= s.w.now {
		s.w.t.Fatalf("%s: a timer is set for %v, and now is %v\n%s", s.name, at, s.w.now, s.w.story())
	}
	if s.closed != nil {
		tombstone, until := s.core.Tombstone(s.w.now)
		s.route.Remove(s.w.now, s.core.IDs(nil), until, tombstone)
		s.buried = true
	}
}

// flush asks for all events and datagrams.
func (s *side) flush() {
	s.hear()
	for n := 0; ; n++ {
		if n > 20_000 {
			s.w.t.Fatalf("%s sends without end", s.name)
		}
		if s.buf == nil {
			s.buf = make([]byte, 0, 20_000) // a driver takes datagrams of what size there are
		}
		b, on, ok := s.core.PollTransmit(s.w.now, s.buf[:0])
		s.buf = b
		if !ok {
			break
		}
		if s.w.keepsOut(s, on) {
			s.w.unasked++
			continue
		}
		s.w.send(s, on.Peer, b)
	}
	s.hear()
}

func (s *side) hear() {
	for {
		e, ok := s.core.PollEvent()
		if !ok {
			return
		}
		switch e.Kind {
		case EventStart:
			s.started++
			s.driver = s.newDriver()
			s.core.HandleHandshake(s.w.now, s.driver.Start(bytes.Clone(e.Data)))
		case EventHandshake:
			s.core.HandleHandshake(s.w.now, s.driver.Handle(e.Level, e.Data))
		case EventHandshakeOver:
		case EventIDWanted:
			id, token := s.route.Issue(s, s.id)
			s.tokens = append(s.tokens, token)
			s.core.OfferID(s.w.now, id, token)
		case EventIDRetired:
			s.route.Retire(e.ID)
		case EventResetToken:
			s.route.RemoveReset([packet.TokenLen]byte(e.Data))
			token, _ := s.core.ResetToken()
			s.route.AddReset(token, s)
		default:
			if s.closed != nil {
				s.w.t.Fatalf("%s: event %v after the last one", s.name, e)
			}
			e.Data = bytes.Clone(e.Data)
			s.events = append(s.events, e)
			switch {
			case e.Kind == EventAccepted && !s.keeps:
				s.core.Release(s.w.now, e.Stream) // no program runs for it
			case e.Kind == EventClosed:
				s.closed = &e
			case e.Kind == EventConnected && s != s.w.client:
				s.w.server = s
				s.route.Established(s.id)
				if s.w.tokens {
					s.core.OfferToken(s.w.now, s.route.Token(s.w.now, clientAddr))
				}
			case e.Kind == EventConnected:
				if token, ok := s.core.ResetToken(); ok {
					s.route.AddReset(token, s)
				}
			}
		}
	}
}

// newDriver makes the side's handshake.
func (s *side) newDriver() handshake.Driver {
	if s.w.newDriver != nil {
		return s.w.newDriver(s)
	}
	var half [16]byte
	s.w.draw(half[:])
	if s == s.w.client {
		return handshake.NewPlainClient(half)
	}
	return handshake.NewPlainServer(half)
}

// keepsOut is the firewall before the dialing end.
func (w *world) keepsOut(from *side, on Path) bool { return from != w.client && on.Local != w.asked }

// send lets a datagram go.
func (w *world) send(from *side, to netip.AddrPort, data []byte) {
	if from.core != nil && len(data) > max(baseDatagram, from.core.mtu.size, from.core.mtu.probing) {
		w.t.Fatalf("a datagram of %d bytes", len(data))
	}
	other, near := w.server, from.addr
	if from != w.client {
		other, near = w.client, to
	}
	if w.watch != nil {
		w.watch(near, data)
	}
	if to != other.addr {
		if w.elsewhere == nil {
			w.t.Fatalf("%s sends to %v", from.name, to)
		}
		w.elsewhere[to] += len(data)
		from.sent++
		return
	}
	d := flying{number: from.sent, from: from, to: other, addr: from.addr, data: bytes.Clone(data)}
	from.sent++
	w.sent++
	copies, late := 1, time.Duration(0)
	if w.fate != nil {
		copies, late = w.fate(&d)
	}
	w.note(note{who: from.name, does: "sends", data: d.data, copies: copies})
	for range copies {
		d.at = w.now.Add(w.latency + late)
		w.flying = append(w.flying, d)
	}
}

// note is something that happened. It is put into words when somebody asks.
type note struct {
	at        mono.Time
	who, does string
	data      []byte
	copies    int
}

// kept is how many notes a story has.
const kept = 60

func (w *world) note(n note) {
	n.at = w.now
	if len(w.log) == 2*kept {
		w.log = append(w.log[:0], w.log[kept:]...)
	}
	w.log = append(w.log, n)
}

// story is what happened lately.
func (w *world) story() string {
	var b bytes.Buffer
	for _, n := range w.log[max(0, len(w.log)-kept):] {
		fmt.Fprintf(&b, "%10v %s %s %s", time.Duration(n.at)-time.Hour, n.who, n.does, describe(n.data))
		if n.data != nil && n.copies != 1 {
			fmt.Fprintf(&b, "(%d copies)", n.copies)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// describe names the packets of a datagram.
func describe(data []byte) (text string) {
	for len(data) > 0 {
		h, rest, err := packet.ParseHeader(data)
		if err != nil {
			return text + "garbage"
		}
		text += fmt.Sprintf("%v[%d]#%d ", h.Type, len(data)-len(rest), h.Number)
		data = rest
	}
	return text
}

func (w *world) sides() []*side { return append([]*side{w.client}, w.accepted...) }

// next is when something happens next.
func (w *world) next() mono.Time {
	at := mono.Never
	for i := range w.flying {
		at = min(at, w.flying[i].at)
	}
	for _, s := range w.sides() {
		if s.core != nil && !s.buried {
			at = min(at, s.core.NextTimeout())
		}
	}
	return at
}

// step lets the next thing happen, if it does until then.
func (w *world) step(until mono.Time) bool {
	at := w.next()
	if at > until {
		w.now = max(w.now, until)
		return false
	}
	w.now = max(w.now, at)
	for i, d := range w.flying {
		if d.at <= w.now {
			w.flying = slices.Delete(w.flying, i, i+1)
			for _, data := range d.before {
				d.to.arrive(d.addr, data)
			}
			d.to.arrive(d.addr, d.data)
			return true
		}
	}
	for _, s := range w.sides() {
		if s.core != nil && !s.buried && s.core.NextTimeout() <= w.now {
			w.note(note{who: s.name, does: "hears its timer"})
			s.core.HandleTimeout(w.now)
			s.after()
			return true
		}
	}
	return true
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	until := w.now.Add(d)
	for n := 0; w.step(until); n++ {
		if n > 2_000_000 {
			w.t.Fatalf("no end:\n%s", w.story())
		}
	}
}

// arrive is the socket's: a datagram came.
func (s *side) arrive(from netip.AddrPort, data []byte) {
	s.w.note(note{who: s.name, does: "gets", data: data, copies: 1})
	switch r := s.route.Route(s.w.now, from, data, nil); r.Verdict {
	case endpoint.Deliver:
		r.Conn.core.HandleMarked(s.w.now, s.path(from), data, NotECT)
		r.Conn.after()
	case endpoint.Reply:
		s.w.send(s, from, r.Reply)
	case endpoint.Accept:
		if s.core != nil { // a cookie that came later made the one before worthless
			up := s.w.server.core.phase == connected
			s = &side{w: s.w, name: s.name, addr: s.addr, route: s.route, config: s.config}
			if !up {
				s.w.server = s
			}
		}
		s.w.accepted = append(s.w.accepted, s)
		s.config.Local = s.path(from).Local
		s.core, s.id = NewServer(s.w.now, s.config, r.Accepted), r.Accepted.ServerID
		s.route.Add(s.id, s)
		s.core.HandleMarked(s.w.now, s.path(from), data, NotECT)
		s.after()
	}
}

// path is the one on which a datagram came.
func (s *side) path(from netip.AddrPort) Path {
	if s == s.w.client {
		return Path{Peer: from}
	}
	return Path{Peer: from, Local: s.w.asked}
}

// open opens a stream at the client.
func (w *world) open(eager bool) StreamID {
	w.t.Helper()
	id, err := w.client.core.OpenStream(w.now, []byte("header"), eager)
	if err != nil {
		w.t.Fatal(err)
	}
	w.client.after()
	return id
}

func (s *side) send(id StreamID, message string, last bool) {
	s.w.t.Helper()
	if err := s.core.Send(s.w.now, id, []byte(message), last); err != nil {
		s.w.t.Fatalf("%s: %v\n%s", s.name, err, s.w.story())
	}
	s.after()
}

// recv returns all messages that are there, and why there is no further one.
func (s *side) recv(id StreamID) (messages []string, err error) {
	for {
		message, _, err := s.core.Recv(s.w.now, id)
		if err != nil {
			s.after()
			return messages, err
		}
		messages = append(messages, string(message))
		s.after()
	}
}

// got are the events of a kind.
func (s *side) got(kind EventKind) (events []Event) {
	for _, e := range s.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// until lets time pass until done says so, at most an hour.
func (w *world) until(done func() bool) {
	w.t.Helper()
	for end := w.now.Add(time.Hour); !done(); {
		if !w.step(end) {
			w.t.Fatalf("nothing more happens:\n%s", w.story())
		}
	}
}

// recvIf is recv, if the end knows of the stream.
func (s *side) recvIf(id StreamID) (messages []string, err error) {
	if s.core == nil || s.core.find(id) == nil {
		return nil, nil
	}
	return s.recv(id)
}
