package conn

import (
	"fmt"
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
		require.True(t, w.client.core.UpdateKeys() == !w.version().Plain())
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
	"from": "of the datagram at hand", "size": "the same", "mark": "the same", "unmasked": "the same", "ect": "the same", "scratch": "the same",
	"pacedUntil": "nothing is to be sent", "repeating": "nothing is in flight",
	"answered": "there was no CLOSE", "roused": "of the rest", "unproven": "the same",
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

// host counts what a connection at rest asks for.
type host struct{ asked, proven, left int }

func (h *host) Full() bool       { return false }
func (h *host) Take(uint64) bool { return true }
func (h *host) Give(uint64)      {}
func (h *host) Roused()          { h.proven++ }
func (h *host) Rouse(mono.Time) bool {
	h.asked++
	h.left--
	return h.left >= 0
}

// Who has seen the ids of a connection at rest has its ciphers made once a second, however much he forges, and not at all
// where too many were made for nothing.
func TestForgedAtRest(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		h := &host{left: 3}
		server := w.server.core
		server.Share(h)
		forged := w.client.forge(1000, packet.AppendPing(nil))
		forged[len(forged)-1] ^= 1
		for second := range 3 {
			w.run(2 * restTime)
			require.True(t, server.Resting())
			for range 1000 {
				w.server.arrive(clientAddr, forged)
			}
			require.False(t, server.Resting())
			require.Equal(t, second+1, h.asked)
			require.Zero(t, h.proven)
		}
		w.run(2 * restTime)
		dropped := server.Stats().PacketsDropped
		for range 1000 {
			w.server.arrive(clientAddr, forged)
		}
		require.True(t, server.Resting(), "three were all")
		require.Equal(t, dropped+1000, server.Stats().PacketsDropped)
		require.Zero(t, testing.AllocsPerRun(100, func() { server.HandleDatagram(w.now, clientAddr, forged) }))
		idle := server.NextTimeout()
		require.Equal(t, server.activeAt.Add(server.image().idleTimeout()), idle, "what is forged keeps nobody alive")

		h.left = 1
		w.client.send(id, "a message", false)
		w.run(restTime / 2)
		require.False(t, server.Resting())
		require.Equal(t, 1, h.proven)
	})
}

// A record at rest, in bytes, with what the path's model and two ciphers' secrets take: of 2,560 that a connection has.
func TestRecordAtRest(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Conn{}), uintptr(568)) // with the allocator's word 576
	require.LessOrEqual(t, unsafe.Sizeof(rested{}), uintptr(288))
}
