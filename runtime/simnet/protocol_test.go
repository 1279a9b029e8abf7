package simnet_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/sessgen/sessgen/runtime/session"
)

// The protocol of these tests, in steps written by hand:
//
//	protocol Echo(Client, Server) {
//	    rec Ready {
//	        choice at Client {
//	            Client -> Server: Say(text string)
//	            Server -> Client: Length(n int) where n == len(text)
//	            continue Ready
//	        } or {
//	            Client -> Server: Bye()
//	        }
//	    }
//	}
var echoProtocol = session.Protocol{
	Name:        "echo.Echo",
	Fingerprint: "ec00000000000000000000000000000000000000000000000000000000000000",
	Roles:       [2]string{"Client", "Server"},
	States:      []session.State{{Name: "Ready"}, {Name: "AfterSay"}, {Name: "End"}},
	Messages: []session.Message{
		readySay:       {Label: "Say", Number: 0, Sender: 0, State: ready, Next: afterSay, Params: []string{"text string"}},
		readyBye:       {Label: "Bye", Number: 2, Sender: 0, State: ready, Next: 2},
		afterSayLength: {Label: "Length", Number: 1, Sender: 1, State: afterSay, Next: ready, Params: []string{"n int"}},
	},
}

const (
	ready = iota
	afterSay
)

const (
	readySay = iota
	readyBye
	afterSayLength
)

// registerEcho serves the role Server: it answers each Say with its length, until Bye.
func registerEcho(srv session.Registrar) {
	session.Register(srv, &echoProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		for {
			in, err := step.Recv(ctx, ready)
			if err != nil {
				return step, err
			}
			said, text := in.Message(), ""
			for in.Next() {
				text = in.Text()
			}
			if step, err = in.Accept(); err != nil || said == readyBye {
				return step, err
			}
			out, err := step.BeginSend(afterSayLength)
			if err != nil {
				return step, err
			}
			out.Int(1, len(text))
			if step, err = out.Send(ctx); err != nil {
				return step, err
			}
		}
	})
}

// echo runs the role Client with so many exchanges, each of another length.
func echo(ctx context.Context, conn session.Conn, exchanges int) error {
	return session.Run(ctx, conn, &echoProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		for i := range exchanges {
			size := i * 37 % 500
			out, err := step.BeginSend(readySay)
			if err != nil {
				return step, err
			}
			out.Text(1, strings.Repeat("x", size))
			if step, err = out.Send(ctx); err != nil {
				return step, err
			}
			in, err := step.Recv(ctx, afterSay)
			if err != nil {
				return step, err
			}
			n := 0
			for in.Next() {
				n = in.Int()
			}
			if step, err = in.Accept(); err != nil {
				return step, err
			}
			if n != size {
				return step, fmt.Errorf("exchange %d: %d for a text of %d", i, n, size)
			}
		}
		out, err := step.BeginSend(readyBye)
		if err != nil {
			return step, err
		}
		return out.Send(ctx)
	})
}

// raw is a protocol that says nothing about its messages: for streams that are used as they are.
var raw = &session.Protocol{
	Name:        "raw.Raw",
	Fingerprint: "4a30000000000000000000000000000000000000000000000000000000000000",
	Roles:       [2]string{"Caller", "Called"},
	States:      []session.State{{Name: "Start"}, {Name: "End"}},
	Messages:    []session.Message{{Label: "First", State: 0, Next: 1}},
}

// rawServerFirst is raw, but the listening end speaks first.
var rawServerFirst = &session.Protocol{
	Name:        "raw.ServerFirst",
	Fingerprint: "4a31000000000000000000000000000000000000000000000000000000000000",
	Roles:       [2]string{"Caller", "Called"},
	States:      []session.State{{Name: "Start"}, {Name: "End"}},
	Messages:    []session.Message{{Label: "First", Sender: 1, State: 0, Next: 1}},
}
