package conn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// After a second without a packet a connection rests, once; what comes then finds it as it was.
func TestRest(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		for range 3 {
			w.run(2 * restTime)
			for _, s := range []*side{w.client, w.server} {
				require.True(t, s.core.Resting(), s.name)
				require.Greater(t, s.core.NextTimeout(), w.now.Add(restTime), "no timer while it rests")
				require.True(t, s.core.Idle())
				require.NotNil(t, s.core.find(id), "sessions stay")
				require.NoError(t, s.core.CheckInvariants())
				require.NotZero(t, s.core.Stats().MinRTT)
				require.True(t, s.core.Resting(), "to look wakes nobody")
			}
			w.chat(id)
			require.False(t, w.server.core.Resting())
		}
		require.True(t, w.client.core.UpdateKeys(w.now) == !w.version().Plain())
		w.chat(id)
		w.run(10 * time.Second)
		require.True(t, w.client.core.Resting() && w.server.core.Resting())
		require.Nil(t, w.client.closed)
	})
}

// forgotten are the fields of awake that a rest does not keep.
var forgotten = map[string]string{
	"nonce": "of INIT", "begun": "of the handshake", "handshakeEnd": "the same", "initsSent": "the same",
	"buffers": "memory", "chunks": "memory", "opened": "memory", "events": "memory of an empty queue", "headers": "memory",
	"origin": "of the datagram at hand", "unmasked": "the same", "ect": "the same", "scratch": "the same",
	"pacedUntil": "nothing is to be sent", "repeating": "nothing is in flight",
	"answered": "there was no CLOSE", "roused": "of the rest",
	"turn":           "packets of the phase before are too late, and the next one is made when it is asked for",
	"askedThreshold": "the peer is asked again when it matters again",
	"loss":           "see package recovery", "received": "the same", "crypto": "the driver is gone",
}

// What a rest does not keep is what it should not.
func TestRestForgets(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		for range 200 { // numbers are left out
			w.chat(id)
		}
		w.run(restTime - time.Millisecond)
		for _, s := range []*side{w.client, w.server} {
			require.False(t, s.core.Resting())
			before, stats := *s.core.awake, s.core.Stats()
			s.core.rest(w.now)
			require.True(t, s.core.Resting())
			after := s.core.Stats()
			require.GreaterOrEqual(t, after.CongestionWindow, stats.CongestionWindow)
			after.CongestionWindow = stats.CongestionWindow // a probe of the round trip may have made it small for a moment
			require.Equal(t, stats, after)
			s.core.rouse(w.now)
			was, is := reflect.ValueOf(before), reflect.ValueOf(*s.core.awake)
			for i := range was.NumField() {
				if name := was.Type().Field(i).Name; forgotten[name] == "" {
					require.Equal(t, fmt.Sprintf("%+v", was.Field(i)), fmt.Sprintf("%+v", is.Field(i)), "%s: %s", s.name, name)
				}
			}
		}
		w.chat(id)
	})
}

// silence is a Tracer that keeps nothing.
type silence struct{}

func (silence) Sent(mono.Time, Traced)                  {}
func (silence) Received(mono.Time, Traced)              {}
func (silence) Dropped(mono.Time, int, DropReason)      {}
func (silence) Lost(mono.Time, handshake.Level, uint64) {}
func (silence) Renamed(_ mono.Time, _, _ packet.ID)     {}
func (silence) Metrics(mono.Time, Metrics)              {}

// Whatever is asked of a connection at rest, or done with it, there is an answer, and it is whole.
func TestEveryMethodAtRest(t *testing.T) {
	methods := reflect.TypeFor[*Conn]()
	for i := range methods.NumMethod() {
		for _, open := range []bool{true, false} {
			w := connectedWorld(t)
			id := w.open(true)
			w.chat(id)
			if !open {
				w.client.core.AbortStream(w.now, id, 0, "")
				w.client.after()
			}
			w.run(3 * restTime)
			for _, s := range []*side{w.client, w.server} {
				require.True(t, s.core.Resting())
				method := reflect.ValueOf(s.core).Method(i)
				var in []reflect.Value
				for k := range method.Type().NumIn() {
					arg := reflect.New(method.Type().In(k)).Elem()
					switch arg.Interface().(type) {
					case mono.Time:
						arg.Set(reflect.ValueOf(w.now))
					case StreamID:
						arg.Set(reflect.ValueOf(id))
					case *View:
						arg.Set(reflect.ValueOf(new(View)))
					}
					switch arg.Type() {
					case reflect.TypeFor[Tracer]():
						arg.Set(reflect.ValueOf(silence{}))
					case reflect.TypeFor[Shared]():
						arg.Set(reflect.ValueOf(&host{}))
					}
					in = append(in, arg)
				}
				require.NotPanics(t, func() { method.Call(in) }, methods.Method(i).Name)
				require.NoError(t, s.core.CheckInvariants(), methods.Method(i).Name)
			}
		}
	}
}

// host is a Shared that is never used up.
type host struct{ lent Lent }

func (h *host) Full(int) bool       { return false }
func (h *host) Take(uint64) bool    { return true }
func (h *host) TakeNow(uint64) bool { return true }
func (h *host) Give(uint64)         {}
func (h *host) Lend() *Lent         { return &h.lent }
func (h *host) GetLong(int) []byte  { return nil }
func (h *host) PutLong([]byte)      {}
func (h *host) Return(*Lent)        {}

// Who has seen the ids of a connection at rest neither wakes it nor makes it larger, whatever he forges or sends again, and the
// peer's next packet finds it as it was, in its key phase or in the next.
func TestForgedAtRest(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		server, r := w.server.core, rand.New(rand.NewPCG(3, 4))
		server.Share(&host{})
		var again [][]byte
		w.watch = func(_ netip.AddrPort, data []byte) { again = append(again, bytes.Clone(data)) }
		w.chat(id)
		w.watch = nil
		w.run(2 * restTime)
		idle := server.NextTimeout()
		forged := w.client.forge(1000, packet.AppendPing(nil))
		before := *server.rested
		for n := range 1000 {
			for i := 9; i < len(forged); i++ {
				forged[i] = byte(r.Uint32())
			}
			forged[0] = 0x40 | byte(r.Uint32())&0x3f
			w.server.arrive(clientAddr, forged[:len(forged)-n%10])
		}
		for _, datagram := range again {
			w.server.arrive(clientAddr, datagram)
		}
		require.True(t, server.Resting())
		after := *server.rested
		require.Equal(t, !w.version().Plain(), after.next != nil, "made once")
		after.next = nil
		require.Equal(t, before, after)
		require.Equal(t, idle, server.NextTimeout(), "what is forged keeps nobody alive")
		require.GreaterOrEqual(t, server.Stats().PacketsDropped, uint64(1000))
		require.NotZero(t, server.Stats().PacketsForged)
		ciphers := testing.AllocsPerRun(1, func() { layDown(server.rested.opener); server.rested.opener.Open(nil, nil, make([]byte, 20), 0) })
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { server.HandleDatagram(w.now, clientAddr, forged) }), 2*ciphers+2, "the ciphers, and nothing that stays")

		w.chat(id)
		w.run(2 * restTime)
		require.Equal(t, !w.version().Plain(), w.client.core.UpdateKeys(w.now))
		require.True(t, server.Resting())
		lost := w.client.core.Stats().PacketsLost
		w.chat(id)
		require.Equal(t, lost, w.client.core.Stats().PacketsLost)
		require.Equal(t, w.client.core.phases.phase, server.phases.phase)
		w.run(2 * restTime)
		require.Nil(t, w.client.closed)
		require.True(t, server.Resting())
	})
}

// RFC 9001 §6.6: what is forged counts at rest too, and the connection ends at the limit.
func TestForgedAtRestToTheLimit(t *testing.T) {
	w := secureWorld(t)
	w.run(2 * restTime)
	w.server.core.rouse(w.now)
	w.server.tighten(1<<20, 100)
	w.run(2 * restTime)
	require.True(t, w.server.core.Resting())
	forged := w.client.forge(1000, packet.AppendPing(nil))
	forged[len(forged)-1] ^= 1
	for range 100 {
		w.server.arrive(clientAddr, forged)
	}
	require.True(t, w.server.core.Resting())
	w.server.arrive(clientAddr, forged)
	require.NotNil(t, w.server.closed)
	require.ErrorContains(t, w.server.closed.Err, "too many packets that do not open")
}

// A record at rest, in bytes, with what the path's model and two ciphers' secrets take: of 2,560 that a connection has.
func TestRecordAtRest(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Conn{}), uintptr(568)) // with the allocator's word 576
	require.LessOrEqual(t, unsafe.Sizeof(rested{}), uintptr(320))
}

// What a forged packet costs a connection that is awake, and one at rest, which makes its ciphers for it.
func BenchmarkForged(b *testing.B) {
	for _, at := range []string{"awake", "rest"} {
		b.Run(at, func(b *testing.B) {
			w := secureWorld(b)
			w.chat(w.open(true))
			server, r := w.server.core, rand.New(rand.NewPCG(3, 4))
			server.Share(&host{})
			forged := w.client.forge(1000, make([]byte, 1000))
			forged[len(forged)-1] ^= 1
			if w.run(2 * restTime); at == "awake" {
				server.rouse(w.now)
			}
			b.ReportAllocs()
			for b.Loop() {
				forged[0] = 0x40 | byte(r.Uint32())&0x3f
				forged[20] ^= byte(r.Uint32())
				server.HandleDatagram(w.now, clientAddr, forged)
			}
			require.Equal(b, at == "rest", server.Resting())
		})
	}
}
