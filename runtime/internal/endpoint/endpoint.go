// Package endpoint routes the datagrams of one socket without holding the socket: by connection id to the
// connection they are for; a first flight to the stateless cookie; anything else is dropped (or answered by a
// reset, at a limited rate).
//
// The shell and the simulator drive the same Endpoint. It locks nothing: its driver owns it. It keeps no memory
// for a peer whose cookie has not come back.
package endpoint

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// ID is a connection id as its owner chose it.
type ID = packet.ID

// Verdict says what a driver does with a datagram.
type Verdict uint8

// The verdicts of Route.
const (
	// Drop: do nothing; a counter says why.
	Drop Verdict = iota
	// Deliver: the datagram is for Route.Conn.
	Deliver
	// Reply: Route.Reply is sent back to where the datagram came from. It is never larger than the datagram.
	Reply
	// Accept: a valid cookie, or an address token, came back. The driver makes a server connection from
	// Route.Accepted, adds it under Accepted.ServerID, and hands it the datagram. If Route.Evict is set, it
	// silently ends Route.Conn: too many handshakes are in progress, and this was the oldest.
	Accept
)

// Route is what Route decided. C is what the driver keeps for a connection.
type Route[C any] struct {
	Verdict  Verdict
	Conn     C
	Evict    bool
	Reply    []byte
	Accepted Accepted
}

// Accepted is what a cookie that came back proves.
type Accepted struct {
	Version            packet.Version
	ClientID, ServerID ID
	From               netip.AddrPort
	Cookie             []byte // or token, as it came; valid as long as the datagram
	// ResetToken is what ends the connection without its state; the endpoint can derive it again.
	ResetToken [packet.TokenLen]byte
}

// Config is what an endpoint is made with.
type Config struct {
	// Draw fills a slice with random bytes.
	Draw func([]byte)
	// Version is the only version, and mode, that is spoken here.
	Version packet.Version
	// Listening endpoints answer first flights.
	Listening bool
	// Shards is how many sockets the system spreads datagrams over, if it does, by the first byte of the
	// destination id modulo Shards. Connections take turns.
	Shards int
	// Full reports that no handshake can be begun now: CONNECTs with new cookies are dropped, and may be
	// repeated. nil means that there is always room.
	Full func() bool
	// ResetKey makes the tokens of stateless resets. If it is zero, it is drawn at random; then resets do not
	// work across restarts.
	ResetKey [32]byte
}

// Endpoint is a routing table and a cookie maker. The zero value is not ready: use New.
type Endpoint[C any] struct {
	config Config
	table  map[ID]C
	// byToken has the tokens of stateless resets.
	byToken map[[packet.TokenLen]byte]C
	tombs   tombs
	// What follows is a listening end's.
	jar    *handshake.CookieJar
	tokens *handshake.TokenJar
	half   *halves
	// spent and used remember the server ids whose cookies, and whose address tokens, were used.
	spent, used *spent
	reset       hash.Hash
	sum         [sha256.Size]byte
	resets      bucket
	counts      Counts
	turn        int // the shard of the next connection
	// drawn and cookie are where random bytes and cookies are made; on the stack they would escape.
	drawn  [packet.MaxReset]byte
	cookie [handshake.CookieLen]byte
}

// New makes an endpoint.
func New[C any](now mono.Time, config Config) *Endpoint[C] {
	if config.ResetKey == ([32]byte{}) {
		config.Draw(config.ResetKey[:])
	}
	e := &Endpoint[C]{
		config:  config,
		table:   map[ID]C{},
		byToken: map[[packet.TokenLen]byte]C{},
		tombs:   tombs{byID: map[ID]*tomb{}},
		resets:  bucket{level: resetsPerSecond, at: now},
	}
	if config.Listening {
		e.jar = handshake.NewCookieJar(now, config.Draw)
		e.tokens = handshake.NewTokenJar(now, config.Draw)
		e.half = newHalves()
		e.reset = hmac.New(sha256.New, config.ResetKey[:])
		e.spent, e.used = newSpent(now, handshake.CookieLife), newSpent(now, handshake.TokenLife)
	}
	return e
}

// Counts says what became of the datagrams that were not delivered.
type Counts struct {
	Malformed, Unknown, Version, BadCookie, SpentCookie uint64 // dropped
	BadToken, SpentToken                                uint64 // CONNECTs dropped, with an address token
	// Full: CONNECTs dropped for lack of a free worker; Crowded: because their prefix has too many handshakes
	// in progress; Evicted: handshakes given up for newer ones.
	Full, Crowded, Evicted                  uint64
	Inits, Cookies, Accepted, Resets, Tombs uint64 // answered, or let in
	Tokens                                  uint64 // let in, of Accepted, by an address token
}

// Counts returns the counters.
func (e *Endpoint[C]) Counts() Counts { return e.counts }

// Add routes datagrams for id to c.
func (e *Endpoint[C]) Add(id ID, c C) { e.table[id] = c }

// AddReset routes stateless resets with the token to c: a dialing end's connection, whose peer gave it the
// token.
func (e *Endpoint[C]) AddReset(token [packet.TokenLen]byte, c C) { e.byToken[token] = c }

// RemoveReset undoes AddReset.
func (e *Endpoint[C]) RemoveReset(token [packet.TokenLen]byte) { delete(e.byToken, token) }

// Issue draws one more id for c, which already has one, and routes datagrams for it to c. token is what a
// stateless reset for it ends with; zero at an end that does not listen, which sends none.
func (e *Endpoint[C]) Issue(c C, one ID) (id ID, token [packet.TokenLen]byte) {
	for taken := true; taken; _, taken = e.table[id] {
		id = e.draw(e.Shard(one))
	}
	e.table[id] = c
	if e.config.Listening {
		token = e.resetToken(id)
	}
	return id, token
}

// Shard is the shard that datagrams for the id come to.
func (e *Endpoint[C]) Shard(id ID) int { return int(id[0]) % max(1, e.config.Shards) }

// draw draws an id of the shard.
func (e *Endpoint[C]) draw(shard int) ID {
	e.config.Draw(e.drawn[:packet.IDLen])
	id := ID(e.drawn[:])
	if n := e.config.Shards; n > 1 {
		b := int(id[0]) - int(id[0])%n + shard
		if b > 0xff {
			b -= n
		}
		id[0] = byte(b)
	}
	return id
}

// drawInTurn draws an id of the next shard.
func (e *Endpoint[C]) drawInTurn() ID {
	e.turn = (e.turn + 1) % max(1, e.config.Shards)
	return e.draw(e.turn)
}

// Retire forgets an id of a connection that has others: its peer no longer uses it.
func (e *Endpoint[C]) Retire(id ID) { delete(e.table, id) }

// Remove forgets a connection with all its ids. Until then, a copy of tombstone, if that is not nil, answers
// whatever still arrives for them; the answers become rarer as more arrives.
func (e *Endpoint[C]) Remove(now mono.Time, ids []ID, until mono.Time, tombstone []byte) {
	for _, id := range ids {
		delete(e.table, id)
		e.Established(id)
	}
	e.tombs.sweep(now)
	if tombstone != nil && until > now {
		e.tombs.add(ids, until, tombstone)
	}
}

// Len is the number of ids in the table: one or two per connection.
func (e *Endpoint[C]) Len() int { return len(e.table) }

// Route decides what a datagram is for. reply is where a reply is built. RFC 9000 §5.2.2: "Servers MUST drop incoming
// packets under all other circumstances." RFC 9000 §8.1: "Prior to validating the client address, servers MUST NOT send more
// than three times as many bytes as the number of bytes they have received." RFC 9000 §10.3: "Endpoints MUST discard packets
// that are too small to be valid QUIC packets."
func (e *Endpoint[C]) Route(now mono.Time, from netip.AddrPort, datagram, reply []byte) Route[C] {
	id, ok := packet.DstID(datagram)
	if !ok {
		e.counts.Malformed++
		return Route[C]{}
	}
	if !packet.IsLong(datagram) {
		return e.routeShort(now, id, datagram, reply)
	}
	h, _, err := packet.ParseHeader(datagram)
	switch {
	case err != nil:
		e.counts.Malformed++
		return Route[C]{}
	case h.Type == packet.Init:
		return e.routeInit(now, from, &h, reply)
	}
	if c, known := e.table[id]; known {
		return Route[C]{Verdict: Deliver, Conn: c}
	}
	if h.Type == packet.Connect {
		return e.routeConnect(now, from, &h, len(datagram), reply)
	}
	e.counts.Unknown++
	return Route[C]{}
}

// RFC 9000 §6.1: "An endpoint MUST NOT send a Version Negotiation packet in response to receiving a Version Negotiation
// packet."
func (e *Endpoint[C]) routeInit(now mono.Time, from netip.AddrPort, h *packet.Header, reply []byte) Route[C] {
	if !e.config.Listening {
		e.counts.Unknown++
		return Route[C]{}
	}
	e.counts.Inits++
	if h.Version != e.config.Version {
		e.counts.Version++
		return Route[C]{Verdict: Reply, Reply: packet.AppendVersions(reply, h.Dst, h.Nonce, e.config.Version)}
	}
	return Route[C]{Verdict: Reply, Reply: e.offer(now, from, h.Version, h.Dst, h.Nonce, reply)}
}

func (e *Endpoint[C]) routeConnect(now mono.Time, from netip.AddrPort, h *packet.Header, size int, reply []byte) Route[C] {
	if !e.config.Listening {
		e.counts.Unknown++
		return Route[C]{}
	}
	made, ok := e.admissible(now, from, h, size)
	switch {
	case !ok:
		return Route[C]{}
	case e.config.Full != nil && e.config.Full():
		e.counts.Full++
		return Route[C]{}
	case e.half.crowded(from.Addr()):
		e.counts.Crowded++
		return Route[C]{}
	}
	// A CONNECT that is repeated while its connection lives was delivered to it. This
	// one's connection is over, or there never was one.
	spent, count := e.spent, &e.counts.SpentCookie
	if len(h.Token) == handshake.TokenLen {
		spent, count = e.used, &e.counts.SpentToken
	}
	switch fresh, stale := spent.spend(now, made, h.Dst); {
	case stale && spent == e.spent:
		*count++
		return e.replace(now, from, h, size, reply)
	case !fresh:
		*count++
		return Route[C]{}
	}
	e.counts.Accepted++
	if spent == e.used {
		e.counts.Tokens++
	}
	r := Route[C]{Verdict: Accept, Accepted: Accepted{
		Version: h.Version, ClientID: h.Src, ServerID: h.Dst, From: from, Cookie: h.Token,
		ResetToken: e.resetToken(h.Dst),
	}}
	if evicted, full := e.half.add(h.Dst, from.Addr()); full {
		e.counts.Evicted++
		r.Conn, r.Evict = e.table[evicted]
	}
	return r
}

// offer answers a first flight with a cookie, or one that came back too late.
func (e *Endpoint[C]) offer(now mono.Time, from netip.AddrPort, version packet.Version, client ID, nonce, reply []byte) []byte {
	server := e.drawInTurn()
	seen := handshake.Seen{Addr: from, ClientID: client, ServerID: server, Version: uint32(version)}
	e.counts.Cookies++
	return packet.AppendCookie(reply, version, client, nonce, server, e.jar.Append(e.cookie[:0], now, seen, nonce))
}

// replace gives who comes with a cookie that may have been used before another one, as if it had sent its INIT again.
func (e *Endpoint[C]) replace(now mono.Time, from netip.AddrPort, h *packet.Header, size int, reply []byte) Route[C] {
	answer := e.offer(now, from, h.Version, h.Src, handshake.CookieNonce(h.Token), reply)
	if len(answer)-len(reply) > size {
		return Route[C]{}
	}
	return Route[C]{Verdict: Reply, Reply: answer}
}

// admissible reports whether a CONNECT has a cookie or an address token that was made here for it, and when. RFC 9000 §8.1: "clients MUST
// ensure that UDP datagrams containing Initial packets have UDP payloads of at least 1200 bytes" before the address is
// validated; what brings a cookie back has done that with its INIT. RFC 9000 §8.1.1: a token "MUST be constructed in a way
// that allows the server to identify how it was provided to a client". RFC 9000 §8.1.3: "When a server receives an Initial
// packet with an address validation token, it MUST attempt to validate the token".
func (e *Endpoint[C]) admissible(now mono.Time, from netip.AddrPort, h *packet.Header, size int) (made mono.Time, ok bool) {
	token := len(h.Token) == handshake.TokenLen
	switch {
	case h.Version != e.config.Version:
	case !token:
		seen := handshake.Seen{Addr: from, ClientID: h.Src, ServerID: h.Dst, Version: uint32(h.Version)}
		made, ok = e.jar.Valid(now, seen, h.Token)
	case size >= packet.MinInit:
		made, ok = e.tokens.Valid(now, from.Addr(), h.Dst, uint32(h.Version), h.Token)
	}
	switch {
	case ok:
	case token:
		e.counts.BadToken++
	default:
		e.counts.BadCookie++
	}
	return made, ok
}

// RFC 9000 §11: "A stateless reset MUST NOT be used by an endpoint that has the state necessary to send a frame on the
// connection."
func (e *Endpoint[C]) routeShort(now mono.Time, id ID, datagram, reply []byte) Route[C] {
	if c, known := e.table[id]; known {
		return Route[C]{Verdict: Deliver, Conn: c}
	}
	if token, short := packet.ResetToken(datagram); short {
		if c, known := e.byToken[token]; known {
			return Route[C]{Verdict: Deliver, Conn: c}
		}
	}
	if answer, buried := e.tombs.answer(now, id, len(datagram)); buried {
		if answer == nil {
			return Route[C]{}
		}
		e.counts.Tombs++
		return Route[C]{Verdict: Reply, Reply: append(reply, answer...)}
	}
	e.counts.Unknown++
	// RFC 9000 §10.3.3: "An endpoint MUST ensure that every Stateless Reset that it sends is smaller
	// than the packet that triggered it". There are two sizes, so that two ends
	// that have forgotten each other fall silent at once.
	size := packet.MaxReset
	if len(datagram) <= packet.MaxReset {
		size = packet.MinReset
	}
	if !e.config.Listening || size >= len(datagram) || !e.resets.take(now) {
		return Route[C]{}
	}
	e.counts.Resets++
	e.config.Draw(e.drawn[:])
	return Route[C]{Verdict: Reply, Reply: packet.AppendReset(reply, id, e.resetToken(id), e.drawn[:], size)}
}

// resetToken is the token by which the peer of the connection with the id recognises its reset. RFC 9000 §10.3.2: "The
// stateless reset token MUST be difficult to guess.", and "The same stateless reset token MUST NOT be used for multiple
// connection IDs."
func (e *Endpoint[C]) resetToken(id ID) (token [packet.TokenLen]byte) {
	e.reset.Reset()
	e.reset.Write(id[:])
	copy(token[:], e.reset.Sum(e.sum[:0]))
	return token
}
