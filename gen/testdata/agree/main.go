// Command agree decodes payloads with generated code, and encodes again what it
// got. It reads requests and writes an answer to each: see TestAgreesWithProtobuf.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// A request is a payload and the protocol whose Put it is of, an answer the payload of Got, or a fault.
type (
	request struct {
		Protocol string
		Payload  []byte
	}
	answer struct {
		Payload []byte
		Fault   string
	}
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it says of each session that it was dropped
	in, out := json.NewDecoder(bufio.NewReader(os.Stdin)), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for to := json.NewEncoder(out); ; {
		var r request
		if err := in.Decode(&r); err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
		payload, err := again(opens[r.Protocol], r.Payload)
		a := answer{Payload: payload}
		if err != nil {
			a.Fault = err.Error()
		}
		if err := to.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// again receives the payload as Put, and sends what was received as Got.
func again(open any, payload []byte) ([]byte, error) {
	ctx := reflect.ValueOf(context.Background())
	carrier := &carrier{in: append([]byte{0}, payload...)}
	opened := reflect.ValueOf(open).Call([]reflect.Value{ctx, reflect.ValueOf(carrier)})
	if err, _ := opened[1].Interface().(error); err != nil {
		return nil, err
	}
	got := opened[0].MethodByName("RecvPut").Call([]reflect.Value{ctx})
	n := len(got) - 2
	if err, _ := got[n+1].Interface().(error); err != nil {
		return nil, err
	}
	sent := got[n].MethodByName("SendGot").Call(append([]reflect.Value{ctx}, got[:n]...))
	if err, _ := sent[1].Interface().(error); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(carrier.out, []byte{1}) {
		return nil, fmt.Errorf("the label of Got is %x", carrier.out)
	}
	return carrier.out[1:], nil
}

// carrier is the conn and the stream of one session: in is what it receives, out what was sent.
type carrier struct {
	session.Stream
	in, out []byte
}

func (c *carrier) OpenStream(context.Context, *session.Protocol, []byte) (session.Stream, error) {
	return c, nil
}

func (c *carrier) Recv(context.Context) ([]byte, time.Time, error) { return c.in, time.Time{}, nil }

func (c *carrier) Send(_ context.Context, message []byte, _ bool) error {
	c.out = append([]byte(nil), message...)
	return nil
}

func (c *carrier) Abort(session.Abort)      {}
func (c *carrier) Context() context.Context { return context.Background() }
