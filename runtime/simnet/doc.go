// Package simnet runs programs that talk over sessions on a network that is bad in a reproducible way, in
// virtual time: an hour of timeouts takes milliseconds, and the same seed always gives the same run.
//
//	func TestVisit(t *testing.T) {
//		simnet.TestSeeds(t, 100, simnet.Swarm, simnet.Roles(bank.RunBankClient, customer, bank.RegisterBankTeller, teller))
//	}
//
// This runs both roles of a protocol against each other, a hundred times, each time on a network with different
// faults. With more than one client, server or session, a run is a function:
//
//	func TestTeller(t *testing.T) {
//		simnet.Test(t, simnet.Swarm(1), func(t *testing.T, n *simnet.Net) {
//			bank.RegisterBankTeller(n.Server("teller"), teller)
//			conn, err := n.Dial(t.Context(), "teller")
//			require.NoError(t, err)
//			require.NoError(t, bank.RunBankClient(t.Context(), conn, customer))
//		})
//	}
//
// Pipe is the same in memory, without a network. Cover fails a test that leaves out a transition of a protocol.
//
// What runs is the transport itself, without its sockets: the handshake, retransmission and flow control are
// those of production. The network drops, delays, duplicates and corrupts datagrams as Options say; a script
// may partition it, block one direction, inspect each datagram and inject others.
//
// # Time and order
//
// The function given to Test, and every goroutine it starts, runs in a bubble of [testing/synctest]: time.Now,
// timers and contexts with deadlines use virtual time, which advances when everybody waits. One thing happens
// at a time. When a datagram has arrived or a timer has fired, the programs run until all of them wait again;
// the calls that they make meanwhile take effect in the order of their sessions, whichever goroutine was
// faster. So a run depends on its seed alone, as long as the programs do too: they must not depend on map
// iteration order or on a real clock.
//
// Only the simulation may call synctest.Wait.
//
// Goroutines that open sessions at the same moment need an order too. Those that [Net.Go] starts have one, and
// so have the bodies of served sessions: it is carried by their context. Among other goroutines, the Go
// scheduler decides which opens first.
//
// # What is checked
//
// After every event, for every session and each of its directions: what one program has received is a prefix of
// what the other has sent; everything sent and not yet received is held by one end or the other, unaltered;
// nothing is acknowledged that has not arrived. A session that ends well has delivered everything, both ways.
// Sessions of generated protocols take the same path through the protocol at both ends. A run that comes to a
// standstill, meaning that the programs have called nothing for 24 hours of virtual time, fails and says who is
// waiting for what.
//
// # Replaying
//
// TestSeeds runs each seed as a subtest with its own t, named for example TestVisit/seed=3. A failure ends with the
// command that reruns the failing seed, and with the seed's Options. The package adds
// flags to the test binary: -sim.seed runs only that seed, -sim.seeds sets how many seeds TestSeeds runs, and
// -sim.trace logs every event.
package simnet
