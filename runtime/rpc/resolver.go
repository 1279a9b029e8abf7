package rpc

import (
	"context"
	"net"
	"slices"
)

// Resolver says at which addresses a service is served. It must be safe for concurrent use.
type Resolver interface {
	// Resolve returns the addresses in the form that dialing takes, in any order. It must return when ctx ends,
	// which is when the client is closed.
	Resolve(ctx context.Context) ([]string, error)
}

// Static returns a Resolver that always returns addrs.
func Static(addrs ...string) Resolver { return static(slices.Clone(addrs)) }

type static []string

func (s static) Resolve(context.Context) ([]string, error) { return s, nil }

// DNS returns a Resolver that looks up the IP addresses of the host in addr, "host:port". The addresses carry
// no name to check a certificate against: with TLS, set ServerName in the configuration. See Balance.
func DNS(addr string) Resolver { return dns(addr) }

type dns string

func (d dns) Resolve(ctx context.Context) ([]string, error) {
	host, port, err := net.SplitHostPort(string(d))
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	for i, ip := range ips {
		ips[i] = net.JoinHostPort(ip, port)
	}
	return ips, nil
}
