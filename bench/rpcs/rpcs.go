// Package rpcs puts a unary echo over sessgen, grpc-go, drpc, connect-go and net/rpc behind one function,
// in plaintext and secured by TLS 1.3 with the same kind of certificate.
package rpcs

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"github.com/sessgen/sessgen/bench/rpcs/echo"
	"github.com/sessgen/sessgen/bench/rpcs/pb"
	"github.com/sessgen/sessgen/bench/rpcs/pb/pbconnect"
	"github.com/sessgen/sessgen/runtime/transport"
)

// Libs are the names that Serve and Dial know; with "+tls" behind one it is secured. drpc runs one call at a
// time on a connection, so that concurrent callers take turns; drpc-pool opens one for each caller. Connect compresses
// every response by default; connect-nogz does not.
var Libs = []string{"sessgen", "grpc", "drpc", "drpc-pool", "connect", "connect-nogz", "net/rpc"}

// Call makes one call and returns how many bytes came back.
type Call func(ctx context.Context, p []byte) (int, error)

type sessgenServer struct{}

func (sessgenServer) Do(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

type grpcServer struct{ pb.UnimplementedEchoServer }

func (grpcServer) Do(_ context.Context, m *pb.Msg) (*pb.Msg, error) { return m, nil }

type drpcServer struct{}

func (drpcServer) Do(_ context.Context, m *pb.Msg) (*pb.Msg, error) { return m, nil }

type connectServer struct{}

func (connectServer) Do(_ context.Context, r *connect.Request[pb.Msg]) (*connect.Response[pb.Msg], error) {
	return connect.NewResponse(r.Msg), nil
}

// NetEcho and NetMsg are what net/rpc serves.
type (
	NetEcho struct{}
	NetMsg  struct{ Payload []byte }
)

// Do echoes.
func (NetEcho) Do(in *NetMsg, out *NetMsg) error { *out = *in; return nil }

// split takes "+tls" off.
func split(lib string) (name string, secured bool) { return strings.CutSuffix(lib, "+tls") }

// Serve serves lib on a port of 127.0.0.1; cert is for those that are secured.
func Serve(lib string, cert tls.Certificate) (addr string, stop func(), err error) {
	name, secured := split(lib)
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	if name == "sessgen" {
		return serveSessgen(config, secured)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr, stop = l.Addr().String(), func() { l.Close() }
	raw := l
	if secured {
		l = tls.NewListener(l, config)
	}
	switch name {
	case "grpc":
		var opts []grpc.ServerOption
		if secured {
			opts = append(opts, grpc.Creds(credentials.NewTLS(config)))
		}
		s := grpc.NewServer(opts...)
		pb.RegisterEchoServer(s, grpcServer{})
		go func() { _ = s.Serve(raw) }()
		stop = s.Stop
	case "drpc", "drpc-pool":
		m := drpcmux.New()
		if err := pb.DRPCRegisterEcho(m, drpcServer{}); err != nil {
			return "", nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { _ = drpcserver.New(m).Serve(ctx, l) }()
		stop = cancel
	case "connect", "connect-nogz":
		mux := http.NewServeMux()
		mux.Handle(pbconnect.NewEchoHandler(connectServer{}))
		p := new(http.Protocols)
		p.SetUnencryptedHTTP2(!secured)
		p.SetHTTP2(secured)
		s := &http.Server{Handler: mux, Protocols: p, ReadHeaderTimeout: time.Minute, TLSConfig: config}
		if secured {
			go func() { _ = s.ServeTLS(raw, "", "") }()
		} else {
			go func() { _ = s.Serve(raw) }()
		}
		stop = func() { s.Close() }
	case "net/rpc":
		s := rpc.NewServer()
		if err := s.RegisterName("Echo", NetEcho{}); err != nil {
			return "", nil, err
		}
		go s.Accept(l)
	default:
		return "", nil, fmt.Errorf("no library %q", lib)
	}
	return addr, stop, nil
}

func serveSessgen(config *tls.Config, secured bool) (string, func(), error) {
	how := transport.WithPlaintext()
	if secured {
		how = transport.WithTLS(config)
	}
	ln, err := transport.Listen("127.0.0.1:0", how)
	if err != nil {
		return "", nil, err
	}
	srv := transport.NewServer()
	echo.RegisterEcho(srv, sessgenServer{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = srv.Serve(ctx, ln) }()
	return ln.Addr().String(), cancel, nil
}

// Dial connects to what Serve serves at addr; config trusts its certificate.
func Dial(lib, addr string, config *tls.Config) (call Call, hangUp func(), err error) {
	name, secured := split(lib)
	dial := func() (net.Conn, error) {
		if secured {
			return tls.Dial("tcp", addr, config)
		}
		return net.Dial("tcp", addr)
	}
	switch name {
	case "sessgen":
		how := transport.WithPlaintext()
		if secured {
			how = transport.WithTLS(config)
		}
		c, err := transport.Dial(context.Background(), addr, how)
		if err != nil {
			return nil, nil, err
		}
		e := echo.NewEchoClient(c)
		return func(ctx context.Context, p []byte) (int, error) {
			back, err := e.Do(ctx, p)
			return len(back), err
		}, func() { _ = c.Close(context.Background()) }, nil
	case "grpc":
		with := insecure.NewCredentials()
		if secured {
			with = credentials.NewTLS(config)
		}
		c, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(with))
		if err != nil {
			return nil, nil, err
		}
		e := pb.NewEchoClient(c)
		return func(ctx context.Context, p []byte) (int, error) {
			m, err := e.Do(ctx, &pb.Msg{Payload: p})
			return len(m.GetPayload()), err
		}, func() { c.Close() }, nil
	case "drpc":
		t, err := dial()
		if err != nil {
			return nil, nil, err
		}
		c := drpcconn.New(t)
		e := pb.NewDRPCEchoClient(c)
		return func(ctx context.Context, p []byte) (int, error) {
			m, err := e.Do(ctx, &pb.Msg{Payload: p})
			return len(m.GetPayload()), err
		}, func() { c.Close() }, nil
	case "drpc-pool":
		p := &pool{dial: dial}
		return p.call, p.close, nil
	case "connect", "connect-nogz":
		p := new(http.Protocols)
		p.SetUnencryptedHTTP2(!secured)
		p.SetHTTP2(secured)
		tr := &http.Transport{Protocols: p, TLSClientConfig: config}
		var opts []connect.ClientOption
		if name == "connect-nogz" {
			opts = append(opts, connect.WithAcceptCompression("gzip", nil, nil))
		}
		scheme := "http://"
		if secured {
			scheme = "https://"
		}
		e := pbconnect.NewEchoClient(&http.Client{Transport: tr}, scheme+addr, opts...)
		return func(ctx context.Context, p []byte) (int, error) {
			m, err := e.Do(ctx, connect.NewRequest(&pb.Msg{Payload: p}))
			if err != nil {
				return 0, err
			}
			return len(m.Msg.Payload), nil
		}, tr.CloseIdleConnections, nil
	case "net/rpc":
		t, err := dial()
		if err != nil {
			return nil, nil, err
		}
		c := rpc.NewClient(t)
		return func(_ context.Context, p []byte) (int, error) {
			var out NetMsg
			err := c.Call("Echo.Do", &NetMsg{p}, &out)
			return len(out.Payload), err
		}, func() { c.Close() }, nil
	}
	return nil, nil, fmt.Errorf("no library %q", lib)
}

// pool has a connection of drpc for each call under way.
type pool struct {
	dial func() (net.Conn, error)
	mu   sync.Mutex
	free []*drpcconn.Conn
}

func (p *pool) call(ctx context.Context, payload []byte) (int, error) {
	p.mu.Lock()
	var c *drpcconn.Conn
	if n := len(p.free); n > 0 {
		c, p.free = p.free[n-1], p.free[:n-1]
	}
	p.mu.Unlock()
	if c == nil {
		t, err := p.dial()
		if err != nil {
			return 0, err
		}
		c = drpcconn.New(t)
	}
	m, err := pb.NewDRPCEchoClient(c).Do(ctx, &pb.Msg{Payload: payload})
	p.mu.Lock()
	p.free = append(p.free, c)
	p.mu.Unlock()
	return len(m.GetPayload()), err
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.free {
		c.Close()
	}
}
