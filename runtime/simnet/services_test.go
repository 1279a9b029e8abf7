package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
	"github.com/sessgen/sessgen/runtime/simnet/testdata/commit"
	"github.com/sessgen/sessgen/runtime/simnet/testdata/kv"
	"github.com/sessgen/sessgen/runtime/simnet/testdata/lock"
)

// Programs of generated protocols on bad networks: rows S22 and S25 to S30 of docs/verification.md.

// store is a log of writes, and the values that they lead to. It serves KV; a leader serves Replication too.
type store struct {
	mu  sync.Mutex
	log []kv.Entry
}

func (s *store) Read(_ context.Context, key string) (value []byte, found bool, index uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.log) {
		if e.Key == key {
			return e.Value, true, uint64(len(s.log)), nil
		}
	}
	return nil, false, uint64(len(s.log)), nil
}

func (s *store) Write(_ context.Context, key string, value []byte) (index uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	index = uint64(len(s.log) + 1)
	s.log = append(s.log, kv.Entry{Index: index, Key: key, Value: value})
	return index, nil
}

func (s *store) Entries(_ context.Context, from uint64, send func(entry kv.Entry) error) error {
	s.mu.Lock()
	rest := slices.Clone(s.log[min(uint64(len(s.log)), from-1):])
	s.mu.Unlock()
	for _, e := range rest {
		if err := send(e); err != nil {
			return err
		}
	}
	return nil
}

// at is what a key's value is after so many writes.
func (s *store) at(key string, index uint64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.log[:index]) {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// S28: a follower that is read while it replicates shows a prefix of the leader's log, never anything else, and
// says which one: how far it is behind.
func TestS28FollowerReadDuringReplication(t *testing.T) {
	const writes = 40
	var reads, stale atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d of %d reads were behind the leader", stale.Load(), reads.Load())
		require.Positive(t, stale.Load())
	})
	simnet.TestSeeds(t, 10, harsh, func(t *testing.T, n *simnet.Net) {
		leader, follower := &store{}, &store{}
		atLeader, atFollower := n.Server("leader"), n.Server("follower")
		kv.RegisterKV(atLeader, leader)
		kv.RegisterReplication(atLeader, leader)
		kv.RegisterKV(atFollower, follower)

		n.Go(t.Context(), func(ctx context.Context) error { // the follower pulls
			conn, err := n.DialFrom(ctx, "follower", "leader")
			if err != nil {
				return err
			}
			log := kv.NewReplicationClient(conn)
			for next := uint64(1); next <= writes; {
				for e, err := range log.Entries(ctx, next) {
					if err != nil {
						return err
					}
					if e.Index != next {
						return fmt.Errorf("entry %d came where %d was next", e.Index, next)
					}
					if _, err := follower.Write(ctx, e.Key, e.Value); err != nil {
						return err
					}
					next++
				}
				time.Sleep(20 * time.Millisecond)
			}
			return conn.Close(ctx)
		})
		n.Go(t.Context(), func(ctx context.Context) error { // somebody writes
			conn, err := n.Dial(ctx, "leader")
			if err != nil {
				return err
			}
			client := kv.NewKVClient(conn)
			for i := range writes {
				if _, err := client.Write(ctx, "key", fmt.Appendf(nil, "value %d", i)); err != nil {
					return err
				}
			}
			return conn.Close(ctx)
		})
		conn, err := n.Dial(t.Context(), "follower")
		require.NoError(t, err)
		client := kv.NewKVClient(conn)
		for last := uint64(0); last < writes; {
			value, found, index, err := client.Read(t.Context(), "key")
			require.NoError(t, err)
			require.GreaterOrEqual(t, index, last, "a reader does not go back in time")
			require.Equal(t, index > 0, found)
			require.Equal(t, leader.at("key", index), value, "the state after the first %d writes", index)
			if _, _, now, _ := leader.Read(t.Context(), "key"); now > index {
				stale.Add(1)
			}
			reads.Add(1)
			last = index
			time.Sleep(10 * time.Millisecond)
		}
		require.NoError(t, conn.Close(t.Context()))
	})
}

// mutex is a lock server's state: who holds the lock, until when, and how often it was granted.
type mutex struct {
	mu      sync.Mutex
	granted uint64
	holder  uint64 // a token, 0 where nobody does
	until   time.Time
}

// acquire waits for the lock, until the holder has released it or its lease is over.
func (m *mutex) acquire(ctx context.Context, lease time.Duration) (token uint64, until time.Time, err error) {
	for {
		m.mu.Lock()
		wait := time.Until(m.until)
		if m.holder == 0 || wait <= 0 {
			m.granted++
			m.holder, m.until = m.granted, time.Now().Add(lease)
			token, until = m.holder, m.until
			m.mu.Unlock()
			return token, until, nil
		}
		m.mu.Unlock()
		select {
		case <-time.After(min(wait, 50*time.Millisecond)):
		case <-ctx.Done():
			return 0, time.Time{}, ctx.Err()
		}
	}
}

func (m *mutex) renew(token uint64, lease time.Duration) (until time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != token || time.Until(m.until) <= 0 {
		return time.Time{}, false
	}
	m.until = time.Now().Add(lease)
	return m.until, true
}

// times is how often the lock was granted.
func (m *mutex) times() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.granted
}

func (m *mutex) release(token uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder == token {
		m.holder = 0
	}
}

// serve is the role Server of lock.Lock.
func (m *mutex) serve(ctx context.Context, s lock.LockServerStart) (lock.LockServerEnd, error) {
	for free := s; ; {
		switch b, err := free.Recv(ctx); b := b.(type) {
		case nil:
			return lock.LockServerEnd{}, err
		case lock.LockServerFreeLeave:
			return b.Next, nil
		case lock.LockServerFreeAcquire:
			token, until, err := m.acquire(ctx, b.Lease)
			if err != nil {
				return lock.LockServerEnd{}, err
			}
			held, err := b.Next.SendGranted(ctx, token, until)
			for err == nil {
				var in lock.LockServerHeldBranch
				if in, err = held.Recv(ctx); err != nil {
					break
				}
				if released, ok := in.(lock.LockServerHeldRelease); ok {
					m.release(token)
					free = released.Next
					break
				}
				renew := in.(lock.LockServerHeldRenew)
				if until, ok := m.renew(token, renew.Lease2); ok {
					held, err = renew.Next.SendRenewed(ctx, until)
					continue
				}
				free, err = renew.Next.SendLost(ctx)
				break
			}
			if err != nil {
				return lock.LockServerEnd{}, err
			}
		}
	}
}

// fenced is a store that takes writes with tokens, and refuses one that is behind what it has seen.
type fenced struct {
	mu      sync.Mutex
	newest  uint64
	refused int
}

func (f *fenced) write(token uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token < f.newest {
		f.refused++
		return false
	}
	f.newest = token
	return true
}

// S29: the holder of a lock is cut off. Its lease ends, another one gets the lock with a greater token, and when the
// first one comes back and still believes that it holds the lock, what it writes is refused.
func TestS29LockHolderDies(t *testing.T) {
	simnet.TestSeeds(t, 10, func(seed uint64) simnet.Options {
		return simnet.Options{Seed: seed, Drop: 0.1, Delay: 0.3, IdleTimeout: time.Minute, DeathTimeout: time.Minute, HandshakeTimeout: time.Minute}
	}, func(t *testing.T, n *simnet.Net) {
		var m mutex
		var storage fenced
		lock.RegisterLockServer(n.Server("locks"), m.serve)
		const lease = 3 * time.Second
		take := func(ctx context.Context, host string, with func(token uint64, held lock.LockClientHeld) (lock.LockClientFree, error)) error {
			conn, err := n.DialFrom(ctx, host, "locks")
			if err != nil {
				return err
			}
			return lock.RunLockClient(ctx, conn, func(ctx context.Context, free lock.LockClientStart) (end lock.LockClientEnd, err error) {
				asked, err := free.SendAcquire(ctx, lease)
				if err != nil {
					return end, err
				}
				token, _, held, err := asked.RecvGranted(ctx)
				if err != nil {
					return end, err
				}
				next, err := with(token, held)
				if err != nil {
					return end, err
				}
				return next.SendLeave(ctx)
			})
		}
		dead := make(chan uint64, 1)
		n.Go(t.Context(), func(ctx context.Context) error {
			return take(ctx, "first", func(token uint64, held lock.LockClientHeld) (next lock.LockClientFree, err error) {
				n.Partition("first")
				dead <- token
				time.Sleep(5 * lease) // it has not noticed
				n.Heal()
				if storage.write(token) {
					return next, errors.New("a late writer was let")
				}
				asked, err := held.SendRenew(ctx, lease)
				if err != nil {
					return next, err
				}
				answer, err := asked.Recv(ctx)
				if err != nil {
					return next, err
				}
				gone, ok := answer.(lock.LockClientAfterRenewLost)
				if !ok {
					return next, errors.New("a lease that was over was renewed")
				}
				return gone.Next, nil
			})
		})
		old := <-dead
		begun := time.Now()
		require.NoError(t, take(t.Context(), "second", func(token uint64, held lock.LockClientHeld) (lock.LockClientFree, error) {
			require.Greater(t, token, old)
			require.Less(t, time.Since(begun), 2*lease, "the lease ends")
			require.True(t, storage.write(token))
			return held.SendRelease(t.Context())
		}))
		time.Sleep(6 * lease)
		storage.mu.Lock()
		defer storage.mu.Unlock()
		require.Equal(t, 1, storage.refused)
	})
}

// S30: every datagram is duplicated, many are lost and delayed; each participant's vote counts once in every
// round, and what is committed is applied once, at all or at none.
func TestS30VoteDuplicatedByTheNetwork(t *testing.T) {
	simnet.TestSeeds(t, 10, func(seed uint64) simnet.Options {
		o := harsh(seed)
		o.Duplicate = 1
		return o
	}, func(t *testing.T, n *simnet.Net) {
		const participants, rounds = 3, 8
		var applied [participants][]string
		for i := range participants {
			commit.RegisterTwoPhaseParticipant(n.Server(fmt.Sprint("participant ", i)), func(ctx context.Context, s commit.TwoPhaseParticipantStart) (end commit.TwoPhaseParticipantEnd, err error) {
				for round := s; ; {
					in, err := round.Recv(ctx)
					if err != nil {
						return end, err
					}
					if stop, ok := in.(commit.TwoPhaseParticipantRoundStop); ok {
						return stop.Next, nil
					}
					prepare := in.(commit.TwoPhaseParticipantRoundPrepare)
					if prepare.Txn%4 == 3 && i == 1 {
						if round, err = prepare.Next.SendRefused(ctx, "not today"); err != nil {
							return end, err
						}
						continue
					}
					prepared, err := prepare.Next.SendPrepared(ctx)
					if err != nil {
						return end, err
					}
					verdict, err := prepared.Recv(ctx)
					if err != nil {
						return end, err
					}
					var ack commit.TwoPhaseParticipantBeforeAck
					switch v := verdict.(type) {
					case commit.TwoPhaseParticipantAfterPreparedCommit:
						applied[i] = append(applied[i], string(prepare.Event))
						ack = v.Next
					case commit.TwoPhaseParticipantAfterPreparedAbort:
						ack = v.Next
					}
					if round, err = ack.SendAck(ctx, prepare.Txn); err != nil {
						return end, err
					}
				}
			})
		}
		var at [participants]commit.TwoPhaseCoordinatorRound
		for i := range participants {
			conn, err := n.Dial(t.Context(), fmt.Sprint("participant ", i))
			require.NoError(t, err)
			at[i], err = commit.OpenTwoPhaseCoordinator(t.Context(), conn)
			require.NoError(t, err)
		}
		var committed []string
		for txn := uint64(1); txn <= rounds; txn++ {
			event := fmt.Sprint("event ", txn)
			var voting [participants]commit.TwoPhaseCoordinatorAfterPrepare
			var err error
			for i := range at {
				voting[i], err = at[i].SendPrepare(t.Context(), txn, []byte(event))
				require.NoError(t, err)
			}
			votes := 0
			var yes [participants]*commit.TwoPhaseCoordinatorAfterPrepared
			for i := range voting {
				vote, err := voting[i].Recv(t.Context())
				require.NoError(t, err)
				votes++
				switch v := vote.(type) {
				case commit.TwoPhaseCoordinatorAfterPreparePrepared:
					yes[i] = &v.Next
				case commit.TwoPhaseCoordinatorAfterPrepareRefused:
					at[i] = v.Next
				}
			}
			require.Equal(t, participants, votes, "one vote a participant")
			all := !slices.Contains(yes[:], nil)
			require.Equal(t, txn%4 != 3, all)
			for i, state := range yes {
				if state == nil {
					continue
				}
				var waiting commit.TwoPhaseCoordinatorBeforeAck
				if all {
					waiting, err = state.SendCommit(t.Context())
				} else {
					waiting, err = state.SendAbort(t.Context())
				}
				require.NoError(t, err)
				_, at[i], err = waiting.RecvAck(t.Context())
				require.NoError(t, err)
			}
			if all {
				committed = append(committed, event)
			}
		}
		for i := range at {
			end, err := at[i].SendStop(t.Context())
			require.NoError(t, err)
			require.NoError(t, end.Close(t.Context()))
			require.Equal(t, committed, applied[i], "participant %d", i)
		}
	})
}

// S22: on a network that loses 30 %, delays 60 % and duplicates 10 %, everything passes: echo, in order, RPC, KV and a
// lock; how long it takes is told.
func TestS22HarshNetwork(t *testing.T) {
	var mu sync.Mutex
	var took []time.Duration
	simnet.TestSeeds(t, 10, harsh, func(t *testing.T, n *simnet.Net) {
		srv := n.Server("all")
		registerEcho(srv)
		kv.RegisterKV(srv, &store{})
		var m mutex
		lock.RegisterLockServer(srv, m.serve)
		srv.Handle(raw, echoRaw)
		n.Go(t.Context(), func(ctx context.Context) error { // echo, in order
			conn, err := n.Dial(ctx, "all")
			if err != nil {
				return err
			}
			return echo(ctx, conn, 10)
		})
		n.Go(t.Context(), func(ctx context.Context) error { // bytes, in order
			conn, err := n.Dial(ctx, "all")
			if err != nil {
				return err
			}
			s, err := conn.OpenStream(ctx, raw, nil)
			if err != nil {
				return err
			}
			return exchangeRaw(ctx, s, 10, 1000, 20_000, 3)
		})
		for range 3 { // a lock
			n.Go(t.Context(), func(ctx context.Context) error {
				conn, err := n.Dial(ctx, "all")
				if err != nil {
					return err
				}
				return lock.RunLockClient(ctx, conn, func(ctx context.Context, free lock.LockClientStart) (end lock.LockClientEnd, err error) {
					for last := uint64(0); last < 6; {
						asked, err := free.SendAcquire(ctx, time.Minute)
						if err != nil {
							return end, err
						}
						token, _, held, err := asked.RecvGranted(ctx)
						if err != nil {
							return end, err
						}
						if token <= last {
							return end, fmt.Errorf("token %d after %d", token, last)
						}
						last = token
						if free, err = held.SendRelease(ctx); err != nil {
							return end, err
						}
					}
					return free.SendLeave(ctx)
				})
			})
		}
		conn, err := n.Dial(t.Context(), "all")
		require.NoError(t, err)
		client := kv.NewKVClient(conn)
		var calls []time.Duration
		for i := range 15 { // RPC, KV
			begun := n.Now()
			_, err := client.Write(t.Context(), "k", fmt.Append(nil, i))
			for err != nil && n.Now()-begun < time.Minute { // its deadline of 5 s is the schema's
				_, err = client.Write(t.Context(), "k", fmt.Append(nil, i))
			}
			require.NoError(t, err)
			value, found, _, err := client.Read(t.Context(), "k")
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, fmt.Append(nil, i), value)
			calls = append(calls, n.Now()-begun)
		}
		mu.Lock()
		took = append(took, calls...)
		mu.Unlock()
	})
	t.Cleanup(func() {
		if len(took) > 0 {
			slices.Sort(took)
			t.Logf("a write and a read: median %v, p90 %v, p99 %v", took[len(took)/2], took[len(took)*9/10], took[len(took)*99/100])
		}
	})
}

// S25: of goroutines that use one state exactly one wins, the others get ErrStateUsed.
// S27: a send after the end is refused, with the state of before or with the end itself.
func TestS25AndS27StatesAreUsedOnce(t *testing.T) {
	simnet.TestSeeds(t, 10, harsh, func(t *testing.T, n *simnet.Net) {
		var m mutex
		lock.RegisterLockServer(n.Server("locks"), m.serve)
		conn, err := n.Dial(t.Context(), "locks")
		require.NoError(t, err)
		free, err := lock.OpenLockClient(t.Context(), conn)
		require.NoError(t, err)
		var group sync.WaitGroup
		var mu sync.Mutex
		var ends []lock.LockClientEnd
		for range 8 {
			group.Go(func() {
				end, err := free.SendLeave(t.Context())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ends = append(ends, end)
				} else if !errors.Is(err, session.ErrStateUsed) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Len(t, ends, 1)
		_, err = free.SendAcquire(t.Context(), time.Second)
		require.ErrorIs(t, err, session.ErrStateUsed)
		require.NoError(t, ends[0].Close(t.Context()))
		_, err = free.SendAcquire(t.Context(), time.Second)
		require.ErrorIs(t, err, session.ErrStateUsed)
	})
}

// S26: a false predicate is refused at the sender, before the wire, and the session goes on.
func TestS26FalsePredicateBeforeTheWire(t *testing.T) {
	simnet.Test(t, harsh(1), func(t *testing.T, n *simnet.Net) {
		var m mutex
		lock.RegisterLockServer(n.Server("locks"), m.serve)
		conn, err := n.Dial(t.Context(), "locks")
		require.NoError(t, err)
		require.NoError(t, lock.RunLockClient(t.Context(), conn, func(ctx context.Context, free lock.LockClientStart) (end lock.LockClientEnd, err error) {
			_, err = free.SendAcquire(ctx, time.Hour)
			var contract *session.ContractError
			require.ErrorAs(t, err, &contract)
			require.Zero(t, m.times())
			return free.SendLeave(ctx)
		}))
	})
}

// Attack 20: a writer whose reader has stopped gets its deadline back, and nothing was sent by halves.
func TestAttack20WriteDeadline(t *testing.T) {
	simnet.Test(t, simnet.Options{}, func(t *testing.T, n *simnet.Net) {
		n.Server("s").Handle(raw, func(_ context.Context, s session.Stream) { <-s.Context().Done() })
		conn, err := n.Dial(t.Context(), "s")
		require.NoError(t, err)
		s, err := conn.OpenStream(t.Context(), raw, nil)
		require.NoError(t, err)
		sent := 0
		for err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err = s.Send(ctx, make([]byte, 10_000), false)
			cancel()
			sent++
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, sent, 40, "the sender holds a bounded buffer")
		s.Abort(session.Abort{Code: session.AbortDropped})
	})
}

// Attack 28: at each state of the lock protocol a peer that sends any message that is not allowed there ends the session,
// with an abort that names no more than the rule, and nothing of it reaches the program.
func TestAttack28ProtocolState(t *testing.T) {
	// Labels by number: Acquire, Granted, Renew, Renewed, Lost, Release, Leave.
	acquire := []byte{0, 0x0a, 2, 8, 10} // a lease of 10 s
	for state, row := range []struct {
		before  [][]byte
		allowed []byte
	}{
		{nil, []byte{0, 6}},
		{[][]byte{acquire}, []byte{2, 5}},
	} {
		for label := range byte(9) {
			if slices.Contains(row.allowed, label) {
				continue
			}
			simnet.Test(t, simnet.Options{}, func(t *testing.T, n *simnet.Net) {
				var m mutex
				ended := make(chan error, 1)
				lock.RegisterLockServer(n.Server("locks"), func(ctx context.Context, s lock.LockServerStart) (lock.LockServerEnd, error) {
					end, err := m.serve(ctx, s)
					ended <- err
					return end, err
				})
				conn, err := n.Dial(t.Context(), "locks")
				require.NoError(t, err)
				s, err := conn.OpenStream(t.Context(), &lock.LockProtocol, nil)
				require.NoError(t, err)
				for _, message := range row.before {
					require.NoError(t, s.Send(t.Context(), message, false))
					_, _, err := s.Recv(t.Context())
					require.NoError(t, err)
				}
				require.NoError(t, s.Send(t.Context(), []byte{label}, false))
				var broken *session.PeerError
				require.ErrorAs(t, <-ended, &broken, "state %d, label %d", state, label)
				_, _, err = s.Recv(t.Context())
				var aborted *session.AbortError
				require.ErrorAs(t, err, &aborted)
				require.True(t, aborted.Remote)
				require.EqualValues(t, len(row.before), m.times())
			})
		}
	}
}
