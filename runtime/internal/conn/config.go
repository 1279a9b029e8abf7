package conn

import (
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Config is what a connection is made with. Random bytes come in here, because the
// machine has no source of its own. Zero durations and counts mean the defaults.
type Config struct {
	// ClientID and Nonce are the dialing end's, drawn at random.
	ClientID endpoint.ID
	Nonce    [16]byte
	// ResetToken is the listening end's, which its endpoint can make again after it has lost all memory.
	ResetToken [16]byte

	// IdleTimeout ends a connection on which nothing comes; the smaller one of both
	// ends counts, and at least 3 PTO. 60 s.
	IdleTimeout time.Duration
	// KeepAlive sends a PING when nothing was sent for so long; negative means never. 20 s at the dialing end, never at the listening one.
	KeepAlive time.Duration
	// DeathTimeout ends a connection whose peer answers nothing of what was sent for so long. max(6 PTO, 5 s), at most the idle timeout.
	DeathTimeout time.Duration
	// HandshakeTimeout ends a connection that is not established in time. 10 s.
	HandshakeTimeout time.Duration
	// InitialRTT stands for the round trip until it has been measured. 100 ms.
	InitialRTT time.Duration
	// MaxStreams is how many streams the peer may have open at once. 1,024.
	MaxStreams int
	// MaxMessage is the longest message that this end takes. 4 MiB.
	MaxMessage int
	// Pool is how many bytes of messages longer than a stream's floor may wait to be read, over all
	// streams. At least twice MaxMessage. 16 MiB.
	Pool int
}

// NewClient makes the dialing end of a connection to the address. It begins its handshake at now.
func NewClient(now mono.Time, config Config, to netip.AddrPort) *Conn { panic("skeleton") }

// NewServer makes the listening end of a connection for a cookie that came back.
// The datagram that brought it is then given to HandleDatagram.
func NewServer(now mono.Time, config Config, accepted endpoint.Accepted) *Conn { panic("skeleton") }
