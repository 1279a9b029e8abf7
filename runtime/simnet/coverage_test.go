package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
)

// fileProtocol has an `if`:
//
//	protocol File(Client, Server) {
//	    rec Body(left uint32 = 2) {
//	        if left > 0 {
//	            Server -> Client: Chunk()
//	            continue Body(left - 1)
//	        }
//	    }
//	}
var fileProtocol = session.Protocol{
	Name: "file.File", Fingerprint: "f11e000000000000000000000000000000000000000000000000000000000000", Roles: [2]string{"Client", "Server"},
	States: []session.State{
		{Name: "Body", If: "left > 0", Then: 1, Else: 2, Pos: "file.sess:3:9"}, {Name: "BodyIfTrue"}, {Name: "End"},
	},
	Messages: []session.Message{{Label: "Chunk", Sender: 1, State: 1, Next: 0, Pos: "file.sess:4:13"}},
}

// registerFile serves so many chunks.
func registerFile(srv session.Registrar, chunks int) {
	session.Register(srv, &fileProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		for range chunks {
			out, err := step.BeginSend(0)
			if err != nil {
				return step, err
			}
			if step, err = out.Send(ctx); err != nil {
				return step, err
			}
		}
		return step, nil
	})
}

// file reads so many chunks.
func file(ctx context.Context, conn session.Conn, chunks int) error {
	return session.Run(ctx, conn, &fileProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		for range chunks {
			in, err := step.Recv(ctx, 1)
			if err != nil {
				return step, err
			}
			if step, err = in.Accept(); err != nil {
				return step, err
			}
		}
		return step, nil
	})
}

func register(srv session.Registrar, _ struct{}) { registerEcho(srv) }

func TestCoverage(t *testing.T) {
	cover := simnet.Watch(&echoProtocol, &fileProtocol)
	require.Equal(t, `simnet: echo.Echo: 3 of 3 transitions were never taken: no session took a step
	Ready: Client sends Say
	Ready: Client sends Bye
	AfterSay: Server sends Length
simnet: file.File: 3 of 3 transitions were never taken: no session took a step
	file.sess:3:9: Body: if left > 0 is true
	file.sess:3:9: Body: if left > 0 is false
	file.sess:4:13: BodyIfTrue: Server sends Chunk`, cover.String())

	simnet.Test(t, harsh(1), simnet.Roles(echo, 0, register, struct{}{}))
	simnet.Test(t, simnet.Options{}, simnet.Roles(file, 0, registerFile, 0))
	require.Equal(t, `simnet: echo.Echo: 2 of 3 transitions were never taken:
	Ready: Client sends Say
	AfterSay: Server sends Length
simnet: file.File: 2 of 3 transitions were never taken: no session took a step
	file.sess:3:9: Body: if left > 0 is true
	file.sess:4:13: BodyIfTrue: Server sends Chunk`, cover.String())
	require.Equal(t, []simnet.Transition{
		{Protocol: "echo.Echo", State: "Ready", Label: "Say", Sender: "Client"},
		{Protocol: "echo.Echo", State: "AfterSay", Label: "Length", Sender: "Server"},
		{Protocol: "file.File", State: "Body", If: "left > 0", Side: true, Pos: "file.sess:3:9"},
		{Protocol: "file.File", State: "BodyIfTrue", Label: "Chunk", Sender: "Server", Pos: "file.sess:4:13"},
	}, cover.Missing())

	// A Pipe's sessions count too.
	synctest.Test(t, func(t *testing.T) {
		conn, srv := simnet.Pipe(t)
		registerEcho(srv)
		registerFile(srv, 2)
		require.NoError(t, echo(t.Context(), conn, 2))
		require.NoError(t, file(t.Context(), conn, 2))
	})
	require.Empty(t, cover.String())
	require.Empty(t, cover.Missing())
	cover.Stop()
	cover.Stop()

	after := simnet.Watch(&echoProtocol)
	after.Stop()
	simnet.Test(t, simnet.Options{}, simnet.Roles(echo, 1, register, struct{}{}))
	require.Len(t, after.Missing(), 3)
}

// recorder is a test that keeps what it is told.
type recorder struct {
	testing.TB
	cleanups []func()
	said     strings.Builder
	failed   bool
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool     { return r.failed }
func (r *recorder) Helper()          {}
func (r *recorder) Log(args ...any)  { fmt.Fprintln(&r.said, args...) }
func (r *recorder) Error(args ...any) {
	r.failed = true
	r.Log(args...)
}
func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) end() string {
	for _, f := range r.cleanups {
		f()
	}
	return r.said.String()
}

func TestCover(t *testing.T) {
	poor, rich := &recorder{TB: t}, &recorder{TB: t}
	simnet.Cover(poor, &echoProtocol)
	simnet.Test(t, simnet.Options{}, simnet.Roles(echo, 0, register, struct{}{}))
	require.Contains(t, poor.end(), "Client sends Say")
	require.True(t, poor.failed)

	simnet.Cover(rich, &echoProtocol)
	simnet.Test(t, simnet.Options{}, simnet.Roles(echo, 1, register, struct{}{}))
	require.Empty(t, rich.end())
}

// A test that fails in memory shows what the served body ended with, which the peer does not hear.
func TestPipeShowsServedErrors(t *testing.T) {
	r := &recorder{TB: t}
	conn, srv := simnet.Pipe(r)
	session.Register(srv, &echoProtocol, func(context.Context, session.Step) (session.Step, error) {
		return session.Step{}, errors.New("the till is jammed")
	})
	if err := echo(t.Context(), conn, 1); err != nil {
		r.Error(err)
	}
	said := r.end()
	require.Contains(t, said, "session: aborted by the peer: the program gave up")
	require.Contains(t, said, "simnet: echo.Echo Server ended with: the till is jammed")
}

// TestFailing is run by the test below, in a process of its own: it fails with seed 3, and no other.
func TestFailing(t *testing.T) {
	if os.Getenv("SIMNET_FAIL") == "" {
		t.Skip("TestFailureSaysHowToRunItAgain runs it")
	}
	simnet.TestSeeds(t, 5, harsh, func(t *testing.T, n *simnet.Net) {
		session.Register(n.Server("echo"), &echoProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
			return step, errors.New("the till is jammed")
		})
		conn, err := n.Dial(t.Context(), "echo")
		require.NoError(t, err)
		require.Error(t, echo(t.Context(), conn, 1))
		if n.Seed() == 3 {
			t.Error("it is 3")
		}
	})
}

func TestFailureSaysHowToRunItAgain(t *testing.T) {
	fail := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), "SIMNET_FAIL=1")
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		return string(out)
	}
	out := fail("-test.run", "^TestFailing$")
	require.Contains(t, out, "it is 3")
	require.Equal(t, 1, strings.Count(out, "--- FAIL: TestFailing/"), out)
	require.Contains(t, out, "--- FAIL: TestFailing/seed=3 ")
	require.Contains(t, out, "simnet: echo.Echo Server ended with: the till is jammed")
	again := regexp.MustCompile(`again: go test (\S+) -run '(\S+)' (-sim.seed=3)\n`).FindStringSubmatch(out)
	require.NotNil(t, again, out)
	require.Equal(t, "github.com/sessgen/sessgen/runtime/simnet", again[1])
	out = fail("-test.run", again[2], again[3])
	require.Contains(t, out, "it is 3")
	require.Contains(t, out, again[0])
}
