package conn

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// Config is what a connection is made with. Random bytes are part of it, because the machine has no source of
// its own. Zero durations and counts mean the defaults, which are given with each field.
type Config struct {
	// Version is the version, and mode, of the connection. V1Plain where it is zero.
	Version packet.Version
	// ClientID and Nonce are the dialing end's, drawn at random.
	ClientID endpoint.ID
	Nonce    [16]byte
	// Token is also the dialing end's: an unused address token that EventToken brought on an earlier connection
	// with the server; empty for none. The connection's first datagram is then a CONNECT, and INIT follows only
	// if no answer arrives within TokenPatience, which is a few round trips; 300 ms if it is zero.
	Token         []byte
	TokenPatience time.Duration

	// IdleTimeout ends a connection on which nothing arrives; the smaller one of both ends applies, but at
	// least 3 PTO. 60 s.
	IdleTimeout time.Duration
	// KeepAlive sends a PING when nothing was sent or received for this long, or up to an eighth less; negative means never. 20 s at the
	// dialing end, never at the listening one.
	KeepAlive time.Duration
	// DeathTimeout ends a connection whose peer answers nothing of what was sent for this long. max(6 PTO, 5
	// s), at most the idle timeout.
	DeathTimeout time.Duration
	// HandshakeTimeout ends a connection that is not established in time. 10 s.
	HandshakeTimeout time.Duration
	// InitialRTT stands for the round trip until it has been measured. 100 ms.
	InitialRTT time.Duration
	// Congestion is the congestion control algorithm. BBR.
	Congestion congestion.Algorithm
	// Seed determines which packet numbers are skipped (RFC 9000 §21.4), and when BBR probes for more
	// bandwidth. It is drawn at random; with zero none are skipped.
	Seed uint64
	// MaxDatagram is the largest datagram that is tried on the path, in bytes. 8,952.
	MaxDatagram int
	// ECN marks datagrams as ECN-capable, and uses the counts of marks that the peer reports: the driver can
	// set and read marks.
	ECN bool
	// Local is the listening end's: the address at which the cookie came back, where the driver knows it.
	Local netip.Addr
	// MaxStreams is how many streams the peer may have open at once. 1,024.
	MaxStreams int
	// MaxMessage is the longest message that this end accepts. 4 MiB.
	MaxMessage int
	// Pool is how many bytes of messages longer than a stream's floor may wait to be read, over all streams. It
	// is at least twice MaxMessage and MessagePrefix; half of it, as far as that leaves so much, is for the
	// windows of streams that are read fast. 16 MiB.
	Pool int64
}

// MessagePrefix is the maximum number of bytes of the length before a message.
const MessagePrefix = binary.MaxVarintLen64

const (
	defaultIdle       = 60 * time.Second
	defaultKeepAlive  = 20 * time.Second
	defaultHandshake  = 10 * time.Second
	defaultMaxStreams = 1024
	defaultMaxMessage = 4 << 20
	defaultPool       = 16 << 20

	// baseDatagram is the largest datagram that is sent until the path is known to carry larger ones (RFC 9000 §14).
	baseDatagram = 1200
	// leastDeath is the shortest death timeout that is used by default.
	leastDeath = 5 * time.Second
	// probesBeforeDeath is how often at least a peer is probed before it counts as gone, if the path's round
	// trip allows it.
	probesBeforeDeath = 16
	// rideTime is how long the dialing end's proof that it has the keys waits for data to ride with.
	rideTime = time.Millisecond
)

// terms is the part of a Config that is needed for as long as the connection lives.
type terms struct {
	IdleTimeout, KeepAlive, DeathTimeout, InitialRTT time.Duration
	Seed                                             uint64
	Pool                                             int64
	MaxMessage, MaxStreams                           int32
	Version                                          packet.Version
	Congestion                                       congestion.Algorithm
}

func (c Config) withDefaults(client bool) Config {
	c.Version = cmp.Or(c.Version, packet.V1Plain)
	or := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&c.IdleTimeout, defaultIdle)
	or(&c.HandshakeTimeout, defaultHandshake)
	or(&c.InitialRTT, recovery.InitialRTT)
	if client {
		or(&c.KeepAlive, defaultKeepAlive)
	} else {
		or(&c.KeepAlive, -1)
	}
	count := func(n *int, standard int) {
		if *n == 0 {
			*n = standard
		}
	}
	count(&c.MaxDatagram, defaultMaxDatagram)
	count(&c.MaxStreams, defaultMaxStreams)
	count(&c.MaxMessage, defaultMaxMessage)
	c.Pool = cmp.Or(c.Pool, defaultPool)
	return c
}

// surplus is the part of the pool that streams with fast readers get for larger windows. Two messages
// of the largest size always fit beside it, with their lengths, so that what is reserved completes.
func (t *terms) surplus() int64 {
	return max(0, min(t.Pool/2, t.Pool-2*(int64(t.MaxMessage)+MessagePrefix)))
}

// NewClient makes the dialing end of a connection to the address. It begins its handshake at now.
func NewClient(now mono.Time, config Config, to netip.AddrPort) *Conn {
	c := newConn(now, config, true)
	// The dialing end chose the address: there is nobody to protect from what it sends.
	c.path = Path{Peer: to}
	c.ids = newIDs(config.ClientID, packet.ID{})
	if len(config.Token) <= packet.IDLen || len(config.Token) > packet.IDLen+packet.MaxCookie {
		c.initDue = true
		return c
	}
	c.phase, c.tokened = connecting, true
	c.ids.peer.id = packet.ID(config.Token)
	c.initAt = now.Add(cmp.Or(config.TokenPatience, 3*c.config.InitialRTT))
	c.begin(config.Token[packet.IDLen:])
	return c
}

// NewServer makes the listening end of a connection for a cookie that came back.
// The datagram that brought it is then given to HandleDatagram. RFC 9000 §7.2: "A server MUST set
// the Destination Connection ID it uses for sending packets based on the first received Initial packet." The address is
// validated, so that its PTO timer need not wait for more from there (RFC 9002 §6.2.2.1).
func NewServer(now mono.Time, config Config, accepted endpoint.Accepted) *Conn {
	c := newConn(now, config, false)
	// RFC 9000 §8.1: an address is validated by a token that came back from it.
	c.path = Path{Peer: accepted.From, Local: config.Local}
	c.ids = newIDs(accepted.ServerID, accepted.ClientID)
	c.resetToken = accepted.ResetToken
	c.phase = connecting
	c.begin(accepted.Cookie)
	return c
}

func newConn(now mono.Time, config Config, client bool) *Conn {
	config = config.withDefaults(client)
	c := &Conn{
		config: terms{
			IdleTimeout: config.IdleTimeout, KeepAlive: config.KeepAlive, DeathTimeout: config.DeathTimeout, InitialRTT: config.InitialRTT,
			Seed: config.Seed, Pool: config.Pool, MaxMessage: int32(min(config.MaxMessage, math.MaxInt32)),
			MaxStreams: int32(min(config.MaxStreams, math.MaxInt32)), Version: config.Version, Congestion: config.Congestion,
		},
		client:      client,
		peerStreams: flow.NewStreams(uint64(config.MaxStreams)),
		activeAt:    now,
		mtu:         newMTU(config.MaxDatagram),
		awake:       newAwake(),
	}
	c.nonce, c.begun, c.handshakeEnd = config.Nonce, now, now.Add(config.HandshakeTimeout)
	c.loss = recovery.NewLoss(congestion.New(config.Congestion, baseDatagram, config.Seed), baseDatagram, config.InitialRTT)
	if config.Seed != 0 {
		c.loss.SkipNumbers(config.Seed)
	}
	if config.ECN {
		c.loss.ECN.Start()
	}
	c.setBackOff()
	c.setTable()
	return c
}

// newAwake is a connection on which nothing has happened.
func newAwake() *awake {
	return &awake{
		initAt: mono.Never, unansweredAt: mono.Never, proofAt: mono.Never, closeBegan: mono.Never,
		driverEnd: mono.Never, pacedUntil: mono.Never,
	}
}

// setBackOff makes probes frequent enough for the death timeout to be fair.
func (c *Conn) setBackOff() {
	c.loss.MaxBackOff = cmp.Or(c.config.DeathTimeout, leastDeath) / probesBeforeDeath
}

// setTable makes room for streams, if there is none.
func (c *Conn) setTable() {
	if c.table != nil {
		return
	}
	surplus := c.config.surplus()
	c.table = &table{
		pool:    *flow.NewPool(uint64(c.config.Pool - surplus)),
		surplus: uint64(surplus),
	}
	if c.shared != nil {
		c.pool.Bank = c.shared
	}
	for i := range c.lists {
		c.lists[i].of = order(i)
	}
}

// peer is what the other end allows, as its transport parameters say.
type peer struct {
	idleTimeout time.Duration
	// streams is how many streams this end may have opened over the connection's life.
	streams uint64
	// floor is how much may be sent on each stream before its limit is raised.
	floor       uint64
	maxMessage  uint64
	maxAckDelay time.Duration
}

// seen is what this end saw of the first flights, as it tells the peer.
func (c *Conn) seen() packet.Params {
	p := packet.Params{Version: c.config.Version, Offered: []packet.Version{c.config.Version}, Token: sha256.Sum256(c.token)}
	if c.client {
		p.ClientID, p.ServerID = c.ids.initial(), c.ids.peer.id
	} else {
		p.ClientID, p.ServerID = c.ids.peer.id, c.ids.initial()
	}
	return p
}

// params are this end's transport parameters.
func (c *Conn) params() []byte {
	p := c.seen()
	if !c.client {
		p.ResetToken = c.resetToken
		p.MaxStreams = uint64(c.config.MaxStreams)
	}
	p.MaxAckDelay = recovery.MaxAckDelay
	p.IdleTimeout = c.config.IdleTimeout
	p.Floor = flow.Floor
	p.MaxMessage = uint64(c.config.MaxMessage)
	// The limits of the streams add up to what the connection can hold: there is none besides.
	p.MaxData = packet.MaxVarint
	return packet.AppendParams(make([]byte, 0, 128), &p)
}

// maxAckDelayLimit: RFC 9000 §18.2, "Values of 2^14 or greater are invalid."
const maxAckDelayLimit = (1 << 14) * time.Millisecond

// learn takes in the peer's transport parameters. Both ends must have seen the same first flights. RFC 9000 §7.4: "An
// endpoint MUST treat receipt of a transport parameter with an invalid value as a connection error of type
// TRANSPORT_PARAMETER_ERROR." RFC 9001 §8.2: "Endpoints MUST send the quic_transport_parameters extension", and close
// without it.
func (c *Conn) learn() *CloseError {
	p, err := packet.ParseParams(c.peerParams)
	if err != nil {
		return violation(packet.TransportParameterError, err.Error())
	}
	saw := c.seen()
	if what := p.Mismatch(&saw); what != "" {
		return refusal(what + " changed on the way")
	}
	if p.MaxAckDelay >= maxAckDelayLimit {
		return violation(packet.TransportParameterError, "max_ack_delay too long")
	}
	// RFC 9000 §18.2: "A client MUST NOT include any server-only transport parameter", and "A server MUST treat receipt of any of
	// these transport parameters as a connection error of type TRANSPORT_PARAMETER_ERROR."
	if !c.client && p.ResetToken != [packet.TokenLen]byte{} {
		return violation(packet.TransportParameterError, "a reset token of the dialing end")
	}
	c.loss.MaxAckDelay = p.MaxAckDelay
	c.peer = peer{
		idleTimeout: p.IdleTimeout,
		streams:     p.MaxStreams,
		floor:       p.Floor,
		maxMessage:  min(p.MaxMessage, math.MaxInt32),
		maxAckDelay: p.MaxAckDelay,
	}
	if c.client {
		c.resetToken = p.ResetToken
	}
	if c.peer.idleTimeout == 0 {
		c.peer.idleTimeout = c.config.IdleTimeout
	}
	return nil
}
