package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"sync"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// backlog is how many channels may wait for Accept. Those beyond are refused.
const backlog = 128

// Listener accepts the channels of peers that dial. It carries no values itself. It is safe for concurrent use.
type Listener[Out, In any] struct {
	ln       *transport.Listener
	srv      *transport.Server
	out      Serializer[Out]
	in       Serializer[In]
	arrivals chan carrier
	served   chan struct{} // closed when the socket is gone

	closing sync.Once
	closed  chan struct{}
}

// Listen binds a socket to addr, "host:port", for channels that send with out and receive with in. With port 0
// the system chooses one. Listen fails unless the options say how packets are protected, as transport.Listen
// does.
func Listen[Out, In any](addr string, out Serializer[Out], in Serializer[In], opts ...transport.Option) (*Listener[Out, In], error) {
	if err := checkEncodings(out.Encoding(), in.Encoding()); err != nil {
		return nil, err
	}
	ln, err := transport.Listen(addr, opts...)
	if err != nil {
		return nil, err
	}
	l := &Listener[Out, In]{
		ln: ln, srv: transport.NewServer(), out: out, in: in,
		arrivals: make(chan carrier, backlog),
		served:   make(chan struct{}), closed: make(chan struct{}),
	}
	l.srv.Handle(protocolOf(in.Encoding(), out.Encoding()), l.arrive)
	go func() {
		defer close(l.served)
		_ = l.srv.Serve(context.Background(), ln) // ends with Shutdown
	}()
	return l, nil
}

// Addr returns the address that the socket is bound to, a *net.UDPAddr.
func (l *Listener[Out, In]) Addr() net.Addr { return l.ln.Addr() }

// Accept waits, until ctx ends, for the next channel that a peer has dialed. After Close it returns an error
// that unwraps to net.ErrClosed.
func (l *Listener[Out, In]) Accept(ctx context.Context) (*Chan[Out, In], error) {
	for {
		select {
		case s := <-l.arrivals:
			if s.Context().Err() != nil {
				continue // it did not wait for us
			}
			return newStreamEnd(s, nil, l.out, l.in), nil
		case <-l.closed:
			return nil, fmt.Errorf("channel: listener %v: %w", l.Addr(), net.ErrClosed)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the listener: peers that dial, or have not been accepted yet, are refused. Accepted channels go
// on. Close waits until they have ended; if ctx ends first, it aborts them and returns ctx's error. After Close
// nothing of the listener is left.
func (l *Listener[Out, In]) Close(ctx context.Context) error {
	l.closing.Do(func() { close(l.closed) })
	l.refuseArrivals()
	err := l.srv.Shutdown(ctx)
	l.refuseArrivals()
	<-l.served
	return err
}

// arrive is what the server runs for each channel. It leaves the stream to Accept.
func (l *Listener[Out, In]) arrive(_ context.Context, s session.Stream) {
	select {
	case l.arrivals <- s.(carrier):
	default:
		refuse(s)
	}
	select {
	case <-l.closed:
		l.refuseArrivals()
	default:
	}
}

func (l *Listener[Out, In]) refuseArrivals() {
	for {
		select {
		case s := <-l.arrivals:
			refuse(s)
		default:
			return
		}
	}
}

func refuse(s session.Stream) { s.Abort(session.Abort{Code: session.AbortRefused}) }

// Dial connects to the listener at addr, "host:port", for a channel that sends with out and receives with in.
// It returns once the connection is made; afterwards ctx has no effect on the channel. If the listener carries
// other types (*MismatchError), or refuses the channel (errors.Is finds session.ErrRefused), later calls say
// so. Dial fails unless the options say how packets are protected, as transport.Dial does.
func Dial[Out, In any](ctx context.Context, addr string, out Serializer[Out], in Serializer[In], opts ...transport.Option) (*Chan[Out, In], error) {
	if err := checkEncodings(out.Encoding(), in.Encoding()); err != nil {
		return nil, err
	}
	conn, err := transport.Dial(ctx, addr, opts...)
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStream(ctx, protocolOf(out.Encoding(), in.Encoding()), nil)
	if err != nil {
		conn.Abort(err)
		_ = conn.Close(context.Background()) // returns at once
		return nil, err
	}
	return newStreamEnd(s.(carrier), conn, out, in), nil
}

// encodingMax bounds the name of an encoding, in bytes.
const encodingMax = 512

func checkEncodings(encodings ...string) error {
	for _, e := range encodings {
		if e == "" || len(e) > encodingMax {
			return fmt.Errorf("channel: %s cannot name an encoding: a name is 1 to %d bytes", quoted(e), encodingMax)
		}
	}
	return nil
}

// protocolName is that of every channel's stream.
const protocolName = "sessgen.Channel"

// protocols are those that were asked for, by what the dialing end sends and receives.
var protocols sync.Map // [2]string to *session.Protocol

// protocolOf returns a channel's stream as the transport knows it: a name, and a fingerprint of the encodings.
// Because the listener may speak first, the transport announces the stream at once.
func protocolOf(up, down string) *session.Protocol {
	key := [2]string{up, down}
	if p, found := protocols.Load(key); found {
		return p.(*session.Protocol)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "channel 1\n%d:%s%d:%s", len(up), up, len(down), down))
	p, _ := protocols.LoadOrStore(key, &session.Protocol{
		Name:        protocolName,
		Fingerprint: session.Fingerprint(hex.EncodeToString(sum[:])),
		Roles:       [2]string{"Dialer", "Listener"},
		States:      []session.State{{Name: "Open"}, {Name: "End"}},
		Messages:    []session.Message{{Label: "Value", Sender: 1, State: 0, Next: 1}},
	})
	return p.(*session.Protocol)
}
