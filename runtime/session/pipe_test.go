package session

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// talk is a protocol for bare streams: who sends first is up to sender.
func talk(sender int) *Protocol {
	return &Protocol{
		Name: "talk.Talk", Fingerprint: Fingerprint(strings.Repeat("0", 64)), Roles: [2]string{"A", "B"},
		States: make([]State, 2), Messages: []Message{{Sender: sender, Next: 1}},
	}
}

// joined returns the two ends of a stream.
func joined(t *testing.T) (dialer, server Stream) {
	conn, srv := Pipe()
	served := make(chan Stream, 1)
	srv.Handle(talk(1), func(_ context.Context, s Stream) { served <- s })
	dialer, err := conn.OpenStream(t.Context(), talk(1), nil)
	require.NoError(t, err)
	return dialer, <-served
}

// A queue gives out what was put in, and nothing of it changes until the next is taken.
func TestQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want, held [][]byte
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				m := bytes.Repeat([]byte{byte(len(want))}, rapid.SampledFrom([]int{0, 1, 100, 70_000}).Draw(t, "size"))
				want = append(want, m)
				q.push(m, time.Duration(len(m)))
			} else {
				m, arrived, ok := q.pop()
				held = nil
				require.Equal(t, len(want) > 0, ok)
				if ok {
					require.True(t, bytes.Equal(want[0], m))
					require.EqualValues(t, len(m), arrived)
					held, want = [][]byte{want[0], m}, want[1:]
				}
			}
			if held != nil {
				require.True(t, bytes.Equal(held[0], held[1]))
			}
			size := 0
			for _, m := range want {
				size += entrySize + len(m)
			}
			require.Equal(t, size, q.size)
			require.Equal(t, len(want) == 0, q.empty())
		}
	})
}

// Each end writes and reads what it likes, whenever it can: everything arrives once, whole, in order.
func TestPipeCarriesEverything(t *testing.T) {
	dialer, server := joined(t)
	const messages = 3000
	message := func(i int) []byte {
		random := rand.New(rand.NewPCG(uint64(i), 0))
		return bytes.Repeat([]byte{byte(i)}, random.IntN(2000)*random.IntN(2))
	}
	write := func(s Stream) {
		for i := range messages {
			require.NoError(t, s.Send(t.Context(), message(i), i == messages-1))
		}
	}
	done := make(chan struct{})
	read := func(s Stream) {
		for i := range messages {
			m, _, err := s.Recv(t.Context())
			require.NoError(t, err)
			require.True(t, bytes.Equal(message(i), m), i)
		}
		_, _, err := s.Recv(t.Context())
		require.Equal(t, io.EOF, err)
		done <- struct{}{}
	}
	go write(dialer)
	go write(server)
	go read(dialer)
	go read(server)
	<-done
	<-done
	require.NoError(t, dialer.Close(t.Context()))
	require.NoError(t, server.Close(t.Context()))
}

// S15: a reader that does not read makes the writer wait, and memory stays bounded.
func TestS15SlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialer, server := joined(t)
		message := make([]byte, 1000)
		sent, stop := 0, make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for {
				if err := dialer.Send(ctx, message, false); err != nil {
					stop <- err
					return
				}
				sent++
			}
		}()
		synctest.Wait()
		require.Equal(t, pipeQueueMax/(1000+entrySize), sent)
		for range 10 {
			_, _, err := server.Recv(t.Context())
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Equal(t, pipeQueueMax/(1000+entrySize)+10, sent)
		cancel()
		require.Equal(t, context.Canceled, <-stop)

		// A message larger than the queue goes when nothing waits.
		go func() { stop <- dialer.Send(t.Context(), make([]byte, 1<<20), true) }()
		synctest.Wait()
		received := 10 * len(message)
		for {
			m, _, ok, err := server.TryRecv()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			if !ok {
				synctest.Wait()
				continue
			}
			received += len(m)
		}
		require.NoError(t, <-stop)
		require.Equal(t, sent*len(message)+1<<20, received)
		server.Abort(Abort{})
	})
}

func TestPipeLimitsMessages(t *testing.T) {
	dialer, server := joined(t)
	err := dialer.Send(t.Context(), make([]byte, 4<<20+1), false)
	require.EqualError(t, err, "session: a message is too large: 4194305 bytes, and the peer takes 4194304")
	require.NoError(t, dialer.Send(t.Context(), make([]byte, 4<<20), false))
	m, _, err := server.Recv(t.Context())
	require.NoError(t, err)
	require.Len(t, m, 4<<20)
	server.Abort(Abort{})
}

// An end that has finished takes nothing more to send, and still receives.
func TestPipeEndMarks(t *testing.T) {
	dialer, server := joined(t)
	require.NoError(t, dialer.Send(t.Context(), []byte("a"), true))
	require.ErrorContains(t, dialer.Send(t.Context(), []byte("b"), false), "after the last one")
	require.NoError(t, dialer.CloseSend())
	require.NoError(t, server.Send(t.Context(), []byte("c"), false))

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, context.Canceled, dialer.Close(canceled))
	require.NoError(t, server.CloseSend())
	require.Equal(t, context.Canceled, dialer.Close(canceled), "c has not been read")

	closed := make(chan error)
	for _, s := range []Stream{dialer, server} {
		m, _, err := s.Recv(t.Context())
		require.NoError(t, err)
		require.Len(t, m, 1)
		go func() { closed <- s.Close(t.Context()) }()
	}
	require.NoError(t, <-closed)
	require.NoError(t, <-closed)

	for _, s := range []Stream{dialer, server} {
		<-s.Context().Done()
		require.NoError(t, s.Close(t.Context()))
		_, _, err := s.Recv(t.Context())
		require.Equal(t, net.ErrClosed, err)
		require.Equal(t, net.ErrClosed, s.CloseSend())
		s.Abort(Abort{})
		require.Equal(t, net.ErrClosed, context.Cause(s.Context()))
	}
}

// Every call that waits returns the one error that ended the session.
func TestPipeAbortEndsWhatWaits(t *testing.T) {
	dialer, server := joined(t)
	for dialer.(*end).peer.in.size < pipeQueueMax-70_000 {
		require.NoError(t, dialer.Send(t.Context(), make([]byte, 60_000), false))
	}
	errs := make(chan error)
	go func() { errs <- dialer.Send(t.Context(), make([]byte, 100_000), false) }()
	go func() {
		_, _, err := dialer.Recv(t.Context())
		errs <- err
	}()
	server.Abort(Abort{Code: 77, Reason: "tired"})
	server.Abort(Abort{Code: 78})
	want := &AbortError{Abort: Abort{Code: 77, Reason: "tired"}, Remote: true}
	require.Equal(t, want, <-errs)
	require.Equal(t, want, <-errs)
	require.Equal(t, want, dialer.CloseSend())
	require.Equal(t, want, dialer.Close(t.Context()))
	_, _, _, err := dialer.TryRecv()
	require.Equal(t, want, err)
	require.Equal(t, want, context.Cause(dialer.Context()))
	want.Remote = false
	_, _, err = server.Recv(t.Context())
	require.Equal(t, want, err)
}

// The header goes out with the first message of a dialer that sends first, else at once.
func TestPipeHeaderWaitsForTheFirstMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, srv := Pipe()
		served := 0
		srv.Handle(talk(0), func(_ context.Context, s Stream) {
			served++
			s.Abort(Abort{})
		})
		dialer, err := conn.OpenStream(t.Context(), talk(0), nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Zero(t, served)
		require.NoError(t, dialer.Send(t.Context(), nil, false))
		synctest.Wait()
		require.Equal(t, 1, served)

		dialer, err = conn.OpenStream(t.Context(), talk(0), nil)
		require.NoError(t, err)
		dialer.Abort(Abort{})
		synctest.Wait()
		require.Equal(t, 1, served)
	})
}

func TestPipeRefusesToOpen(t *testing.T) {
	conn, _ := Pipe()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := conn.OpenStream(canceled, talk(0), nil)
	require.Equal(t, context.Canceled, err)
	p := talk(0)
	p.Fingerprint = "short"
	_, err = Open(t.Context(), conn, p)
	require.EqualError(t, err, "session: protocol talk.Talk: its fingerprint has 5 hexadecimal digits, not 64")
	require.Error(t, Run(t.Context(), conn, p, nil))
}

func TestPipeDoesNotAllocate(t *testing.T) {
	dialer, server := joined(t)
	message := make([]byte, 100)
	round := func() {
		if err := dialer.Send(context.Background(), message, false); err != nil {
			panic(err)
		}
		if _, _, err := server.Recv(context.Background()); err != nil {
			panic(err)
		}
	}
	round()
	round()
	require.Zero(t, testing.AllocsPerRun(1000, round))
	server.Abort(Abort{})
}
