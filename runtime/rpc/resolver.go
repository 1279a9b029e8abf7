package rpc

import (
	"context"
	"net"
	"slices"
)

// Resolver says at which addresses a service is served. It may be called from any number of goroutines.
type Resolver interface {
	// Resolve returns the addresses, as dialing takes them, of which the order does not matter.
	Resolve(ctx context.Context) ([]string, error)
}

// Static is a Resolver that always says the same.
func Static(addrs ...string) Resolver { return static(slices.Clone(addrs)) }

type static []string

func (s static) Resolve(context.Context) ([]string, error) { return s, nil }

// DNS is a Resolver that asks for the IP addresses of the host in addr, "host:port". Who dials them is given no name to check a certificate
// against: with TLS, set the ServerName of the configuration. See Balance.
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
