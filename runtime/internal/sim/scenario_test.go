package sim

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The rows of docs/verification.md that are about the transport alone: one simulation each, or a few.

// fair are the options of a network that is good but for what a test does to it: one client, one session.
func fair() Options {
	return Options{
		Seed: 1, Latency: 10 * time.Millisecond, MTU: 1500, Clients: 1, Conns: 1, Sessions: 1, Messages: 4, Size: 200,
		Idle: time.Minute, Death: time.Minute, Handshake: time.Minute,
	}
}

// play plays a run that a test has a hand in. All invariants hold, and everything comes to its end.
func play(t *testing.T, o Options, hand func(w *world)) *world {
	t.Helper()
	w := newWorld(o)
	w.logging = true
	hand(w)
	w.play()
	if w.Failure != nil {
		t.Fatalf("%v\n%s", w.Failure, tail(w.log))
	}
	return w
}

// both runs a test in both lanes.
func both(t *testing.T, test func(t *testing.T, o Options)) {
	for _, lane := range []Protection{Stub, Plain} {
		o := fair()
		o.Lane = lane
		t.Run(fmt.Sprintf("lane %q", lane), func(t *testing.T) { test(t, o) })
	}
}

// says makes both programs of every session send so many messages, the client first or the server.
func says(client, server int, serverFirst bool) func(*session) {
	return func(s *session) {
		s.scripts[0].messages, s.scripts[1].messages = client, server
		s.scripts[0].replies, s.scripts[1].replies = serverFirst, !serverFirst
	}
}

func kindOf(data []byte) packet.Type {
	h, _, err := packet.ParseHeader(data)
	if err != nil {
		return packet.Short
	}
	return h.Type
}

// finished requires that all sessions have.
func finishedAll(t *testing.T, w *world) {
	t.Helper()
	require.Positive(t, w.Sessions)
	require.Equal(t, w.Sessions, w.Finished)
}

// served are the listening ends that there were.
func (w *world) served() (peers []*peer) {
	for _, p := range w.peers {
		if !p.dials {
			peers = append(peers, p)
		}
	}
	return peers
}

func (w *world) dialed(i int) *peer {
	for _, p := range w.peers {
		if p.dials {
			if i == 0 {
				return p
			}
			i--
		}
	}
	return nil
}

// deliver makes a datagram arrive at a host, from the address of another, or from nowhere.
func (w *world) deliver(from, to *host, data []byte) {
	source := nowhere
	if from != nil {
		source = from.addr
	}
	w.agenda.Push(w.now, happening{flight: w.set(source, to, data)})
}

// forge makes a packet of p's with frames that p did not send: somebody who has the keys does.
func (p *peer) forge(number uint64, frames []byte) []byte {
	b := packet.AppendShort(nil, p.partner.id, false, number, 4)
	return p.sealer.Seal(b, b, frames, number)
}

func TestS01InitLostDuplicatedReordered(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for lost := range 6 {
			for _, copies := range []int{1, 3} {
				for _, late := range []time.Duration{0, 400 * time.Millisecond} {
					w := play(t, o, func(w *world) {
						inits := 0
						w.fate = func(_ int, _, _ *host, data []byte) (int, time.Duration) {
							if kindOf(data) != packet.Init {
								return 1, 0
							}
							if inits++; inits <= lost {
								return 0, 0
							}
							return copies, time.Duration(inits%2) * late // every second one is overtaken by the next
						}
					})
					finishedAll(t, w)
					require.Less(t, w.dialed(0).endedAfter, 10*time.Second)
				}
			}
		}
		// None gets through: the dialing end learns that within the handshake's time.
		o.Handshake = 10 * time.Second
		w := play(t, o, func(w *world) {
			w.fate = func(_ int, _, _ *host, data []byte) (int, time.Duration) { return 0, 0 }
		})
		require.Zero(t, w.Connected)
		require.InDelta(t, 10*time.Second, w.Elapsed, float64(100*time.Millisecond))
	})
}

// loseProof loses the first datagrams of the client behind its CONNECT: what proves that it has the server's answer.
func loseProof(count int) func(w *world) {
	return func(w *world) {
		connects, lost := 0, 0
		w.fate = func(_ int, from, _ *host, data []byte) (int, time.Duration) {
			if !from.listening && kindOf(data) != packet.Init {
				if connects++; connects > 1 && lost < count {
					lost++
					return 0, 0
				}
			}
			return 1, 0
		}
	}
}

func TestS02LastHandshakeDatagramLost(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for count := range 8 {
			w := play(t, o, func(w *world) {
				loseProof(count)(w)
				w.script = says(3, 3, false)
			})
			finishedAll(t, w)
			require.Less(t, w.Elapsed, 5*time.Second, "%d lost", count)
		}
	})
}

func TestS03TheSameServerSpeaksFirst(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for count := range 8 {
			w := play(t, o, func(w *world) {
				loseProof(count)(w)
				w.script = says(3, 3, true)
			})
			finishedAll(t, w)
			require.Less(t, w.Elapsed, 5*time.Second, "%d lost", count)
		}
	})
}

// again plays a run in which what the client sent of a kind arrives once more, a second later.
func again(t *testing.T, o Options, kind packet.Type) *world {
	o.Pause = 2 * time.Second // so that the session is still under way
	return play(t, o, func(w *world) {
		w.script = says(3, 3, false)
		w.fate = func(_ int, from, to *host, data []byte) (int, time.Duration) {
			if kindOf(data) == kind && !from.listening {
				kept := slices.Clone(data)
				w.at(time.Duration(w.now)+time.Second, func() { w.deliver(from, to, kept) })
			}
			return 1, 0
		}
	})
}

func TestS04LateDuplicateInit(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := again(t, o, packet.Init)
		finishedAll(t, w)
		require.Len(t, w.served(), 1)
		require.Equal(t, 2, int(w.hosts[0].table.Counts().Cookies), "the late INIT got a COOKIE, and left nothing behind")
	})
}

func TestS05LateDuplicateConnect(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := again(t, o, packet.Connect)
		finishedAll(t, w)
		require.Len(t, w.served(), 1)
		// Once the connection is over, a late CONNECT meets nobody.
		require.Zero(t, w.hosts[0].table.Len())
	})
}

func TestS06UnknownAddress(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := play(t, o, func(w *world) {
			w.script = says(3, 3, false)
			w.at(time.Millisecond, func() {
				for i := range 5000 {
					b := make([]byte, 60)
					w.random.fill(b)
					b[0] = 0x40
					if i%2 == 0 {
						b = packet.AppendLong(nil, packet.Long{Type: packet.Connect, Version: w.version, Dst: packet.ID(b), Token: b[:40], NumberLen: 1}, 20)
						b = append(b, make([]byte, 20)...)
					}
					w.deliver(nil, w.hosts[0], b)
				}
			})
		})
		finishedAll(t, w)
		counts := w.hosts[0].table.Counts()
		require.EqualValues(t, 2500, counts.Unknown)
		require.EqualValues(t, 2500, counts.BadCookie)
		require.LessOrEqual(t, counts.Resets, uint64(101), "resets are limited to a hundred a second")
		require.Len(t, w.served(), 1)
	})
}

func TestS07WrongCookie(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := play(t, o, func(w *world) {
			broken := 0
			w.fate = func(_ int, from, _ *host, data []byte) (int, time.Duration) {
				if kindOf(data) == packet.Connect && broken < 3 {
					broken++
					data[22+broken*10] ^= 1 // in the cookie
				}
				return 1, 0
			}
		})
		finishedAll(t, w)
		require.EqualValues(t, 3, w.hosts[0].table.Counts().BadCookie)
		require.Len(t, w.served(), 1)
	})
}

func TestS08Garbage(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := play(t, o, func(w *world) {
			w.script = says(4, 4, false)
			for i := range 200 {
				w.at(time.Duration(i)*time.Millisecond, func() {
					for range 50 {
						d := &w.random
						b := make([]byte, d.intn(1500))
						d.fill(b)
						to := w.hosts[d.intn(2)]
						if p := w.dialed(0); p != nil && len(b) > 9 && d.chance(0.5) { // to an id that exists
							b[0] = 0x40 | b[0]&0x23
							copy(b[1:], p.id[:])
							to = p.host
						}
						w.deliver(w.hosts[1-to.index], to, b)
					}
				})
			}
		})
		finishedAll(t, w)
		require.Less(t, w.Elapsed, time.Second)
	})
}

func TestS09ThirdAddress(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := play(t, o, func(w *world) {
			w.script = says(4, 4, false)
			w.fate = func(_ int, from, to *host, data []byte) (int, time.Duration) {
				altered := slices.Clone(data)
				altered[len(altered)-1] ^= 1
				w.deliver(nil, to, altered)
				w.deliver(nil, from, data)
				return 1, 0
			}
		})
		finishedAll(t, w)
		require.Less(t, w.Elapsed, time.Second)
	})
}

func TestS10AckOfWhatWasNeverSent(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Clients, o.Pause = 2, time.Second
		o.Faults = []Fault{{Kind: Close, At: 4 * time.Second, Host: 1}} // sessions may end early
		w := newWorld(o)
		w.script = says(4, 4, false)
		w.at(time.Second, func() {
			p := w.dialed(0)
			w.deliver(p.partner.host, p.host, p.partner.forge(200, packet.AppendAckHead(nil, 1<<20, 0, 0, 0)))
		})
		w.play()
		require.ErrorContains(t, w.Failure, "was not sent", "the judge says whom it ended")
		var closed *conn.CloseError
		require.ErrorAs(t, w.dialed(0).err, &closed)
		require.Equal(t, packet.ProtocolViolation, packet.Code(closed.Code))
		require.NoError(t, w.dialed(1).err, "the other connection is unharmed")
		require.True(t, w.sessions[1].done(0) && w.sessions[1].done(1))
	})
}

func TestS11StaleAck(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Messages = 20
		w := play(t, o, func(w *world) {
			w.script = says(20, 0, false)
			w.fate = func(number int, from, _ *host, _ []byte) (int, time.Duration) {
				if from.listening && number > 4 && number%3 == 0 {
					return 2, 300 * time.Millisecond // twice, and long overtaken
				}
				return 1, 0
			}
		})
		finishedAll(t, w)
	})
}

func TestS12DuplicatedData(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		w := play(t, o, func(w *world) {
			w.script = says(20, 20, false)
			w.fate = func(_ int, _, _ *host, data []byte) (int, time.Duration) {
				if kindOf(data) == packet.Short {
					return 100, 0
				}
				return 3, 0
			}
		})
		finishedAll(t, w)
		require.Equal(t, 40, w.Messages)
	})
}

func TestS13Gap(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Size = 8000
		var lost, size int
		w := play(t, o, func(w *world) {
			w.script = says(4, 0, false)
			w.fate = func(_ int, from, _ *host, data []byte) (int, time.Duration) {
				if !from.listening && len(data) > 1000 && kindOf(data) == packet.Short {
					if size++; size == 3 {
						lost++
						return 0, 0
					}
				}
				return 1, 0
			}
		})
		finishedAll(t, w)
		require.Equal(t, 1, lost)
		// Selective repair: what was lost is sent again, and of the rest of the stream no more than one probe holds.
		stream := int(w.sessions[0].lanes[0].End())
		require.Less(t, w.dialed(0).carried, stream+2*1200)
		require.GreaterOrEqual(t, w.dialed(0).carried, stream+1000)
	})
}

func TestS14AllAcksLost(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		var sentAt []mono.Time
		w := play(t, o, func(w *world) {
			w.script = says(4, 0, false)
			w.fate = func(number int, from, _ *host, _ []byte) (int, time.Duration) {
				if from.listening && number > 2 && w.now < mono.Time(20*time.Second) {
					return 0, 0
				}
				if !from.listening && number > 6 {
					sentAt = append(sentAt, w.now)
				}
				return 1, 0
			}
		})
		finishedAll(t, w)
		require.Equal(t, 4, w.Messages, "once each")
		require.Less(t, len(sentAt), 60, "back-off")
	})
}

func TestS15ReceiverNeverReceives(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Sessions, o.Size, o.Messages = 2, 4000, 400
		o.Aborts = 1e-9 // the one that never receives gives up in the end
		var most uint64
		w := play(t, o, func(w *world) {
			w.script = func(s *session) {
				s.scripts[0].messages, s.scripts[1].messages = 400, 0
				if s.number == 0 {
					s.scripts[1].deaf = true
					w.at(time.Minute, func() {
						e := s.ends[1]
						var v conn.View
						require.True(t, e.peer.core.View(e.id, &v, false))
						most = v.Ready - v.Read
						require.True(t, s.ends[0].full, "its writer is blocked")
						require.True(t, w.sessions[1].done(0), "and nobody else is")
						e.script.abortAt = 0
						w.wake(e)
					})
				}
			}
		})
		require.Less(t, most, uint64(16<<10+4000+10), "a stream's floor, and one message")
		require.Equal(t, 1, w.Finished)
	})
}

func TestS17MessageSizes(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		sizes := []int{0, 1, 1150, 1200, 1500, 16 << 10, 100_000, maxMessage}
		w := play(t, o, func(w *world) {
			w.script = func(s *session) {
				s.scripts[0].messages, s.scripts[1].messages = len(sizes), len(sizes)
				s.scripts[0].sizes, s.scripts[1].sizes = sizes, sizes
				s.scripts[1].replies = true
				w.at(30*time.Millisecond, func() {
					e := s.ends[0]
					var large *conn.TooLargeError
					err := e.peer.core.Send(e.peer.host.clock(), e.id, make([]byte, maxMessage+1), false)
					require.ErrorAs(t, err, &large)
					require.Equal(t, maxMessage, large.Limit)
				})
			}
		})
		finishedAll(t, w)
		require.Equal(t, 2*len(sizes), w.Messages)
	})
}

func TestS18ClientRestarts(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Pause = time.Second
		o.Faults = []Fault{{Kind: Restart, At: 800 * time.Millisecond, For: 100 * time.Millisecond, Host: 1}}
		w := play(t, o, func(w *world) { w.script = says(4, 4, false) })
		require.Equal(t, 2, w.Connected, "the new process connects")
		require.Equal(t, 1, w.Finished, "and its session finishes")
		require.Equal(t, lost, w.sessions[0].ends[1].fate, "the old one ends at the server")
		require.True(t, lostKind(w.served()[0].err))
	})
}

func TestS19ServerRestarts(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Pause = time.Second
		o.Faults = []Fault{{Kind: Restart, At: 800 * time.Millisecond, For: 100 * time.Millisecond}}
		w := play(t, o, func(w *world) { w.script = says(9, 9, false) })
		var closed *conn.CloseError
		require.ErrorAs(t, w.dialed(0).err, &closed)
		require.Equal(t, conn.Reset, closed.Cause, "the new process resets what it does not know")
		require.Less(t, w.dialed(0).endedAfter, 5*time.Second)

		// Where nothing listens there any more, the death time-out tells.
		o.Death = 5 * time.Second
		o.Faults[0].For = 10 * time.Minute
		w = play(t, o, func(w *world) { w.script = says(9, 9, false) })
		require.ErrorAs(t, w.dialed(0).err, &closed)
		require.Equal(t, conn.Gone, closed.Cause)
		require.Less(t, w.dialed(0).endedAfter, 8*time.Second)
	})
}

func TestS20PartitionOfThirtySeconds(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Pause = time.Second
		o.Faults = []Fault{{Kind: Partition, At: 500 * time.Millisecond, For: 30 * time.Second, Host: 1}}
		w := play(t, o, func(w *world) { w.script = says(5, 5, false) })
		finishedAll(t, w)

		o.Death = 10 * time.Second
		w = play(t, o, func(w *world) { w.script = says(5, 5, false) })
		require.Zero(t, w.Finished)
		for _, p := range w.peers {
			require.True(t, lostKind(p.err), "%v", p.err)
		}
	})
}

func TestS21PeerGoneForEver(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Pause, o.Death, o.Idle = time.Second, 5*time.Second, 20*time.Second
		o.Faults = []Fault{{Kind: Partition, At: 500 * time.Millisecond, For: time.Hour, Host: 1}}
		w := play(t, o, func(w *world) { w.script = says(5, 5, false) })
		for _, e := range w.sessions[0].ends {
			require.Equal(t, lost, e.fate)
			require.Less(t, e.endedAt, mono.Time(25*time.Second))
		}
	})
}

// TestS21PeerGoneWithoutCredit: the writer has nothing in flight, because the reader never reads, when the reader's host
// falls silent. It finds out as soon as one that waits for acknowledgements.
func TestS21PeerGoneWithoutCredit(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Size, o.Messages, o.Death, o.Idle = 4000, 400, 5*time.Second, time.Hour
		cut := time.Minute
		for writer := range 2 {
			o.Faults = []Fault{{Kind: Partition, At: cut, For: 10 * time.Hour, Host: 1}}
			w := play(t, o, func(w *world) {
				w.script = func(s *session) {
					s.scripts[0].messages, s.scripts[1].messages = 0, 0
					s.scripts[writer].messages = 400
					s.scripts[1-writer].deaf = true
				}
				w.at(cut, func() {
					e := w.sessions[0].ends[writer]
					require.True(t, e.full)
					require.Zero(t, e.peer.core.Stats().BytesInFlight)
				})
			})
			e := w.sessions[0].ends[writer]
			require.Equal(t, lost, e.fate)
			var closed *conn.CloseError
			require.ErrorAs(t, e.peer.err, &closed)
			require.Equal(t, conn.Gone, closed.Cause)
			require.Less(t, e.endedAt, mono.Time(cut+o.Death*3/2))
		}
	})
}

func TestS23ManyClientsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Clients, o.Drop, o.Heal = 200, 0.1, 5*time.Second
		w := play(t, o, func(w *world) { w.script = says(2, 2, false) })
		finishedAll(t, w)
		require.Equal(t, 200, w.Finished)
	})
}

func TestS24InitFloodBesideSessions(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Messages = 20
		calm := play(t, o, func(w *world) { w.script = says(20, 20, false) })
		flooded := play(t, o, func(w *world) {
			w.script = says(20, 20, false)
			init := packet.AppendInit(nil, w.version, packet.ID{}, [16]byte{})
			for i := range 100 {
				w.at(time.Duration(i)*4*time.Millisecond, func() {
					for range 200 {
						w.random.fill(init[5:29])
						w.deliver(nil, w.hosts[0], init)
					}
				})
			}
		})
		finishedAll(t, flooded)
		require.Len(t, flooded.served(), 1, "no state before the cookie returns")
		require.EqualValues(t, 20_001, flooded.hosts[0].table.Counts().Cookies)
		require.Equal(t, calm.dialed(0).endedAfter, flooded.dialed(0).endedAfter, "the session goes on as without")
	})
}

// What the table of scenarios names besides.

func TestCorruptionAndTruncation(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Corrupt, o.Truncate, o.Heal, o.Messages = 0.4, 0.3, 10*time.Second, 20
		finishedAll(t, play(t, o, func(w *world) { w.script = says(20, 20, false) }))
	})
}

// The attacker sees and writes packets, more than all others together: nothing changes but delay.
func TestActiveAttacker(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		forged := 0
		for o.Seed = range 20 {
			o.Attack, o.Heal, o.Messages = 0.8, 10*time.Second, 20
			w := play(t, o, func(w *world) { w.script = says(20, 20, false) })
			finishedAll(t, w)
			require.Equal(t, 40, w.Messages)
			forged += w.Forged
		}
		require.Greater(t, forged, 2000)
	})
}

func TestAsymmetricPartition(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for _, kind := range []FaultKind{Deaf, Mute} {
			for host := range 2 {
				o.Pause = time.Second
				o.Faults = []Fault{{Kind: kind, At: 500 * time.Millisecond, For: 20 * time.Second, Host: host}}
				finishedAll(t, play(t, o, func(w *world) { w.script = says(5, 5, false) }))
			}
		}
	})
}

func TestMTUFallsMidSession(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Size, o.Pause = 20_000, 100*time.Millisecond
		o.Faults = []Fault{{Kind: Shrink, At: 200 * time.Millisecond, Size: 1200}}
		finishedAll(t, play(t, o, func(w *world) { w.script = says(10, 10, false) }))
	})
}

func TestAddressChange(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for how := range PortOnly | Knowing + 1 {
			o.Pause = 300 * time.Millisecond
			o.Faults = []Fault{
				{Kind: Move, At: 500 * time.Millisecond, Host: 1, Size: how},
				{Kind: Move, At: 800 * time.Millisecond, Host: 1, Size: how},
			}
			w := play(t, o, func(w *world) { w.script = says(6, 6, false) })
			finishedAll(t, w)
			require.Len(t, w.served(), 1, "the connection goes on")
			s := w.dialed(0).sight
			require.Equal(t, how&Knowing == 0, s.excused)
			require.Len(t, s.homes, 3)
		}
	})
}

func TestClockJump(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for host := range 2 {
			o.Pause = time.Second
			o.Faults = []Fault{{Kind: Jump, At: 500 * time.Millisecond, For: 30 * time.Second, Host: host}}
			finishedAll(t, play(t, o, func(w *world) { w.script = says(5, 5, false) }))
		}
	})
}

func TestProcessStoppedAndContinued(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for host := range 2 {
			o.Pause = time.Second
			o.Faults = []Fault{{Kind: Stop, At: 500 * time.Millisecond, For: 20 * time.Second, Host: host}}
			finishedAll(t, play(t, o, func(w *world) { w.script = says(5, 5, false) }))
		}
	})
}

// The key of the cookies changes every ten seconds: a cookie lasts across the change, and a client whose cookie is too old gets a new one.
func TestCookieKeyRotation(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		for _, late := range []time.Duration{0, 2 * time.Second, 9 * time.Second, 11 * time.Second, 25 * time.Second} {
			w := play(t, o, func(w *world) {
				connects := 0
				w.fate = func(_ int, from, _ *host, data []byte) (int, time.Duration) {
					if kindOf(data) == packet.Connect {
						if connects++; connects < 3 {
							return 1, late
						}
					}
					return 1, 0
				}
			})
			finishedAll(t, w)
		}
	})
}

// After any end, nothing is left: judge looks for it in every run, so here it is shown that it would find it.
func TestJudgeFindsLeftovers(t *testing.T) {
	w := newWorld(fair())
	w.play()
	require.NoError(t, w.Failure)
	p := w.served()[0]
	p.buried = false
	require.ErrorContains(t, p.judge(), "still there")
	w.sessions[0].ends[0].fate = running
	require.ErrorContains(t, w.sessions[0].judge(), "is told nothing")
	w.sessions[0].ends[0].fate = lost
	require.ErrorContains(t, w.sessions[0].judge(), "did not finish")
	p.buried, p.err = true, errors.New("anything")
	require.ErrorContains(t, p.judge(), "anything")
}
